"""The gradient of a language-model policy: against a plain computation, this package's loss, and TRL's trainer."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM
from trl import GRPOTrainer
from trl_tiny import GROUP, IGNORED, config, questions, scorable_reward

from maxpo_bench.agents import make_agent
from maxpo_bench.agents.collect import Rollout, collect
from maxpo_bench.agents.token_policy import shaped_weights
from maxpo_bench.envs import UnicodeText
from maxpo_bench.estimators import ei_l2o, entropy_adv, grpo
from maxpo_bench.llm import group_policy_loss
from maxpo_bench.llm.policy import LMPolicy
from maxpo_bench.llm.tiny import CharTokenizer, TinyArchitecture, TinyLM, save_model
from maxpo_bench.seeding import derive_seed

SPACE = UnicodeText(64)
TEMPERATURE = 1.3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    tokenizer = CharTokenizer("0123456789+=:")
    shape = TinyArchitecture(len(tokenizer), width=16, layers=2, heads=2, hidden=24, context=24)
    model = TinyLM(shape, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        model.lm_head.weight.mul_(25)  # so that tokens differ in probability
    return save_model(model, tokenizer, tmp_path_factory.mktemp("policy") / "model")


def policy_of(folder, **options):
    return LMPolicy(SPACE, SPACE, model=str(folder), max_new_tokens=6, temperature=TEMPERATURE, **options)


def rollout_of(policy, groups=3, size=GROUP, seed=0):
    """Completions of questions of several lengths, with returns that have nothing to do with them."""
    asked = [f"{17**number}+=" for number in range(groups) for _ in range(size)]
    actions = policy.sample(asked, np.random.default_rng(seed))
    rows = len(asked)
    returns = np.random.default_rng(seed + 1).integers(3, size=rows).astype(float)
    return Rollout(asked, actions, np.arange(rows), returns, np.ones(rows, dtype=int))


def gradient_of(policy):
    return torch.cat([parameter.grad.flatten() for parameter in policy.parameters()])


def plain(policy, rollout, folder):
    """Log-probabilities and entropies row by row, without padding, by transformers' Llama: lists of `[tokens]`."""
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    model.load_state_dict(policy.model.state_dict())
    logprobs, entropies = [], []
    for question, action in zip(rollout.observations, rollout.actions, strict=True):
        tokens = torch.tensor([[*policy.tokenizer.encode(question), *action.tokens]])
        logits = model(tokens).logits[0, -len(action.tokens) - 1 : -1] / policy.temperature
        table = logits.log_softmax(-1)
        logprobs.append(table.gather(1, torch.tensor(action.tokens)[:, None])[:, 0])
        entropies.append(-(table.exp() * table).sum(-1))
    return model, logprobs, entropies


def autograd(model, objective):
    return torch.cat([part.flatten() for part in torch.autograd.grad(objective, list(model.parameters()))])


def close(found, expected, tolerance=2e-4):
    """Within a share of the largest component: float32 sums in another order."""
    return float((found - expected).abs().max()) < tolerance * float(expected.abs().max())


@pytest.mark.parametrize("entropy_coef", [0.0, 0.7])
@pytest.mark.parametrize("aggregation", ["sum", "sequence"])
@pytest.mark.parametrize("tokens_per_pass", [16_384, 100])
def test_the_gradient_is_that_of_the_weighted_log_probabilities(folder, aggregation, entropy_coef, tokens_per_pass):
    policy = policy_of(folder, aggregation=aggregation, tokens_per_pass=tokens_per_pass)
    rollout = rollout_of(policy)
    weights = np.random.default_rng(2).normal(size=len(rollout.returns))
    weights[::3] = 0.0
    entropy = policy.set_gradient(rollout, weights, entropy_coef)
    model, logprobs, entropies = plain(policy, rollout, folder)
    fold = torch.sum if aggregation == "sum" else torch.mean
    objective = sum(float(w) * fold(row) for w, row in zip(weights, logprobs, strict=True))
    objective = objective + entropy_coef / len(weights) * sum(map(fold, entropies))
    assert close(gradient_of(policy), autograd(model, objective))
    assert entropy == pytest.approx(float(torch.cat(entropies).detach().mean()), rel=1e-4)
    assert len({len(action.tokens) for action in rollout.actions}) > 2


def test_what_sampling_kept_is_what_the_model_says(folder):
    policy = policy_of(folder)
    rollout = rollout_of(policy)
    _, logprobs, entropies = plain(policy, rollout, folder)
    found, is_token = policy.token_entropies(rollout)
    for row, (action, logprob, entropy) in enumerate(zip(rollout.actions, logprobs, entropies, strict=True)):
        np.testing.assert_allclose(action.logprobs, logprob.detach(), atol=2e-4)
        np.testing.assert_allclose(found[row, is_token[row]], entropy.detach(), atol=2e-4)
        assert not found[row, ~is_token[row]].any()
        assert action.text == policy.tokenizer.decode(action.tokens)
        ends = policy.tokenizer.eos_id in action.tokens
        assert ends == (action.tokens[-1] == policy.tokenizer.eos_id)
        assert ends or len(action.tokens) == 6
    assert policy.completion_lengths(rollout).tolist() == is_token.sum(1).tolist()


def test_tokens_can_have_weights_of_their_own(folder):
    policy = policy_of(folder)
    rollout = rollout_of(policy)
    lengths = policy.completion_lengths(rollout)
    weights = np.random.default_rng(4).normal(size=(len(lengths), lengths.max()))
    policy.set_gradient(rollout, np.where(np.arange(lengths.max()) < lengths[:, None], weights, 0.0), 0.0)
    model, logprobs, _ = plain(policy, rollout, folder)
    objective = sum((torch.tensor(w[: len(p)]).float() * p).sum() for w, p in zip(weights, logprobs, strict=True))
    assert close(gradient_of(policy), autograd(model, objective))


def test_square_norms_are_those_of_the_parts_gradients(folder):
    policy = policy_of(folder)
    rollout = rollout_of(policy)
    weights = np.random.default_rng(5).normal(size=len(rollout.returns))
    weights[:4] = 0.0
    parts = np.arange(len(weights)) // 4
    norms = policy.square_norms(rollout, weights, parts, 6)
    assert norms[0] == 0.0
    for part in range(6):
        policy.set_gradient(rollout, np.where(parts == part, weights, 0.0), 0.0)
        assert norms[part] == pytest.approx(float(gradient_of(policy).double().square().sum()), rel=1e-4)
    policy.set_gradient(rollout, weights, 0.0)
    whole = policy.square_norms(rollout, weights, np.zeros_like(parts), 1)
    assert whole[0] == pytest.approx(float(gradient_of(policy).double().square().sum()), rel=1e-4)


def test_without_weights_the_gradient_is_zero(folder):
    policy = policy_of(folder)
    rollout = rollout_of(policy)
    assert policy.set_gradient(rollout, np.zeros(len(rollout.returns)), 0.0) > 0
    assert not gradient_of(policy).any()


def test_shaped_weights_are_those_of_entropy_adv(folder):
    policy = policy_of(folder)
    rollout = rollout_of(policy)
    returns = torch.from_numpy(rollout.returns).view(3, GROUP)
    entropies, is_token = (torch.from_numpy(each).view(3, GROUP, -1) for each in policy.token_entropies(rollout))
    expected = entropy_adv(returns, entropies, is_token, alpha=0.3, kappa=1.5)
    weights = 0.25 * grpo(returns).numpy().ravel()
    found = shaped_weights(policy, rollout, weights, 0.25, {"alpha": 0.3, "kappa": 1.5})
    np.testing.assert_allclose(found, 0.25 * expected.reshape(found.shape), rtol=1e-12, atol=1e-15)
    without = weights[:, None] * is_token.reshape(found.shape).numpy()
    assert (found >= without).all()
    assert (found > without + 1e-3).any()


def prepared(policy, rollout, advantages):
    """The batch as TRL's trainer has it after sampling: prompts padded on the left, completions on the right."""
    prompts = [policy.tokenizer.encode(question) for question in rollout.observations]
    tokens = [action.tokens for action in rollout.actions]
    front, behind = max(map(len, prompts)), max(map(len, tokens))
    pad = policy.tokenizer.pad_id
    return {
        "prompt_ids": torch.tensor([[*[pad] * (front - len(row)), *row] for row in prompts]),
        "prompt_mask": torch.tensor([[*[0] * (front - len(row)), *[1] * len(row)] for row in prompts]),
        "completion_ids": torch.tensor([[*row, *[pad] * (behind - len(row))] for row in tokens]),
        "completion_mask": torch.tensor([[*[1] * len(row), *[0] * (behind - len(row))] for row in tokens]),
        "advantages": advantages,
    }


@pytest.mark.filterwarnings(IGNORED)
@pytest.mark.parametrize(("aggregation", "loss_type"), [("sum", "dr_grpo"), ("sequence", "grpo")])
@pytest.mark.parametrize("per_token", [False, True])
def test_it_is_the_gradient_of_trls_loss_and_of_ours(folder, tmp_path, aggregation, loss_type, per_token):
    """The mean over completions of sum_t A grad log p; TRL's Dr. GRPO also divides by its limit of tokens, 6."""
    policy = policy_of(folder, aggregation=aggregation)
    rollout = rollout_of(policy)
    rows = len(rollout.returns)
    advantages = grpo(torch.from_numpy(rollout.returns).view(3, GROUP)).view(rows)
    weights = advantages.numpy() / rows
    if per_token:
        weights = shaped_weights(policy, rollout, weights, 1 / rows, {"alpha": 0.4, "kappa": 2.0})
        advantages = torch.from_numpy(weights * rows)
    policy.set_gradient(rollout, weights, 0.0)

    options = {"loss_type": loss_type, "temperature": TEMPERATURE, "max_completion_length": 6, "beta": 0.0}
    trainer = GRPOTrainer(str(folder), scorable_reward, config(tmp_path, **options), questions())
    trainer.current_gradient_accumulation_steps = 1
    batch = prepared(policy, rollout, advantages.float())
    trainer.model.train()
    loss = trainer._compute_loss(trainer.model, batch)
    constant = 6 if aggregation == "sum" else 1
    assert close(gradient_of(policy), -constant * autograd(trainer.model, loss))

    model, logprobs, _ = plain(policy, rollout, folder)
    padded = torch.nn.utils.rnn.pad_sequence(logprobs, batch_first=True)
    ours = "constant" if aggregation == "sum" else "sequence"
    mask = batch["completion_mask"]
    loss = group_policy_loss(padded, padded.detach(), advantages.float(), mask, aggregation=ours)
    scale = mask.shape[1] if aggregation == "sum" else 1
    assert close(gradient_of(policy), -scale * autograd(model, loss))


def test_the_agents_gradient_is_the_policys_with_its_weights(folder):
    """One iteration of the loop with step size 1: (f/K) / G sum_i A_i Psi_i of the episodes that it collects."""
    options = {"policy_kwargs": {"model": str(folder)}, "optimizer": "sgd", "learning_rate": 1.0, "k": 2, "seed": 4}
    task = {"group_size": 4, "groups_per_step": 3, "task": "countdown", "log_variance": False}
    agent = make_agent("ei_l2o", "maxpo/TextReasoning-v0", **options, **task)
    before = torch.nn.utils.parameters_to_vector(agent.policy.parameters()).detach().clone()
    twin = make_agent("ei_l2o", "maxpo/TextReasoning-v0", **options, **task)
    kept = {}

    def paying(self, answers, live):
        kept["rewards"] = np.array([float(len(text) % 3 == 0) for text in answers])
        return kept["rewards"]

    for env in (agent.vector_env.unwrapped, twin.vector_env.unwrapped):
        env._judge = paying.__get__(env)
    agent.learn(iterations=1)
    step = torch.nn.utils.parameters_to_vector(agent.policy.parameters()).detach() - before
    rng = np.random.default_rng(derive_seed(4, "actions", 0))
    rollout = collect(twin.vector_env, twin.policy, twin._episode_seeds(0), rng)
    advantages = ei_l2o(torch.from_numpy(kept["rewards"]).view(3, 4), 2).numpy().ravel()
    twin.policy.set_gradient(rollout, advantages / 4 / 3, 0.0)
    assert advantages.any()
    assert close(step, gradient_of(twin.policy), 1e-3)
