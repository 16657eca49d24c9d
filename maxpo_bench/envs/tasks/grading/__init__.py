"""The grader of mathematical answers: what is read off a completion, how two answers are compared, and the service."""
