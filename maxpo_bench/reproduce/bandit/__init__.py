"""The paper's bandit figures: moments of estimators on softmax bandits."""
