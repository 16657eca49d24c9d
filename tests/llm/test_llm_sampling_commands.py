"""`maxpo-bench llm sample`, `llm eval` and `llm grade --task`, from the command line to scored samples."""

import json
import string

import llm_sampling_models
import pytest
from typer.testing import CliRunner

from maxpo_bench import cli
from maxpo_bench.envs.tasks import make_task
from maxpo_bench.evaluation import read_samples
from maxpo_bench.json_lines import read_json_lines


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return llm_sampling_models.random_model(tmp_path_factory.mktemp("models") / "random")


def llm(*arguments):
    return CliRunner().invoke(cli.app, ["llm", *map(str, arguments)])


def rows_of(path):
    return [row for _, row in read_json_lines(path)]


def failure(*arguments):
    done = llm(*arguments)
    assert done.exit_code != 0
    return str(done.exception) + done.output


@pytest.fixture
def answers(tmp_path):
    """Completions of countdown, half of them right, and of a problem of another difficulty."""
    task = make_task("countdown", "test", size=10)
    rows = []
    for index in range(10):
        problem = task.problem(index)
        texts = [problem.answer, f"<think>hm</think> \\boxed{{{problem.answer}}}", "1+1", "?"]
        rows += [
            {"problem_id": problem.id, "sample": number, "completion": text, "seed": 5, "answer": problem.answer}
            for number, text in enumerate(texts)
        ]
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


class TestGradeByTask:
    def test_the_task_itself_judges(self, answers, tmp_path):
        done = llm("grade", answers, "--task", "countdown", "--out", tmp_path / "scored.jsonl")
        assert done.exit_code == 0, done.output
        assert "correct 20, wrong 10, malformed 10" in done.stdout
        rows = rows_of(tmp_path / "scored.jsonl")
        assert [row["status"] for row in rows[:4]] == ["correct", "correct", "wrong", "malformed"]
        assert rows[1]["extracted"] == rows[0]["extracted"]
        assert rows[0]["seed"] == 5
        assert not {"completion", "gold"} & set(rows[0])

    def test_completions_are_kept_if_asked_for_and_a_second_call_goes_on(self, answers, tmp_path):
        command = ("grade", answers, "--task", "countdown", "--out", tmp_path / "s.jsonl", "--keep-completions")
        assert llm(*command).exit_code == 0
        whole = (tmp_path / "s.jsonl").read_bytes()
        assert [row["completion"] for row in rows_of(tmp_path / "s.jsonl")] == [
            row["completion"] for row in rows_of(answers)
        ]
        (tmp_path / "s.jsonl").write_bytes(whole[: len(whole) // 2 + 5])
        assert "graded before" in llm(*command).stdout
        assert (tmp_path / "s.jsonl").read_bytes() == whole
        assert read_samples(tmp_path / "s.jsonl")[0].num_correct.tolist() == [2] * 10

    def test_options_of_the_task_name_its_problems(self, answers, tmp_path):
        out = tmp_path / "scored.jsonl"
        told = failure("grade", answers, "--task", "countdown", "--difficulty", "5", "--out", out)
        assert "no problem 'countdown/test/0'" in told
        assert "countdown[difficulty=5]/test/0" in told
        assert llm("grade", answers, "--task", "countdown", "--option", "size=10", "--out", out).exit_code == 0
        assert not (tmp_path / "other.jsonl").exists()

    def test_a_user_defined_id_is_found_too(self, tmp_path):
        from maxpo_bench.commands.task_problems import TaskProblems

        task = make_task("countdown", "test", size=5)
        task._id_prefix = "x/number-"
        problems = TaskProblems(task)
        assert problems.get("x/number-3", "file").answer == task.problem(3).answer
        with pytest.raises(ValueError, match=r"file:7: .* has no problem 'x/number-5'; its ids look like 'x/number-0'"):
            problems.get("x/number-5", "file:7")

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--task", "countdown", "--dataset", "gsm8k"], "both say what grades"),
            (["--difficulty", "4"], "are of --task"),
            (["--task", "countdwn"], "countdown"),
            (["--task", "countdown", "--option", "size"], "NAME=VALUE"),
            (["--task", "countdown", "--difficulty", "4", "--option", "difficulty=5"], "given twice"),
            (["--task", "countdown", "--data-dir", "x"], "--data-dir"),
        ],
    )
    def test_contradictions_are_refused(self, answers, tmp_path, options, words):
        assert words in failure("grade", answers, "--out", tmp_path / "s.jsonl", *options)

    def test_a_data_set_is_not_graded_as_a_task(self, answers, tmp_path, monkeypatch):
        rows = [{"problem": f"{i}+1?", "answer": str(i + 1), "unique_id": f"test/algebra/{i}.json"} for i in range(500)]
        (tmp_path / "math500").mkdir()
        (tmp_path / "math500" / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        told = failure(
            "grade", answers, "--out", tmp_path / "s.jsonl", "--task", "math500", "--option", f"data_dir={tmp_path}",
            "--option", "check=false",
        )  # fmt: skip
        assert "math500 is a data set, whose golds grade: give it by --dataset" in told


SAMPLING = ("--n", 6, "--limit", 5, "--temperature", 1, "--top-p", 1, "--engine", "transformers")


class TestSample:
    def test_one_command_samples_and_says_how_to_grade(self, folder, tmp_path):
        out = tmp_path / "new" / "samples.jsonl"
        command = ("sample", folder, "--task", "countdown", "--difficulty", 4, "--out", out, *SAMPLING)
        done = llm(*command, "--logprobs", "sum")
        assert done.exit_code == 0, done.output
        assert "template plain, transformers, float32" in done.stderr
        assert "30 samples of 5 problems of countdown" in done.stdout
        assert "tokens/s" in done.stdout
        rows = rows_of(out)
        assert len(rows) == 30
        assert all(row["logprob"] < 0 and row["tokens"] >= 1 for row in rows)
        grade = done.stdout.split("maxpo-bench llm ")[1].split()
        assert llm(*grade).exit_code == 0
        assert read_samples(out.with_name("samples-scored.jsonl"))[0].num_samples.tolist() == [6] * 5
        assert "(5 of them drawn before)" in llm(*command, "--logprobs", "sum").stdout
        assert "logprobs is" in failure(*command)

    def test_changed_versions_are_told(self, folder, tmp_path):
        out = tmp_path / "samples.jsonl"
        command = ("sample", folder, "--task", "countdown", "--out", out, *SAMPLING)
        assert "begun with" not in llm(*command).stderr
        options = json.loads((tmp_path / "samples.jsonl.options").read_text())
        now = options["versions"]["transformers"]
        options["versions"]["transformers"] = "4.0"
        (tmp_path / "samples.jsonl.options").write_text(json.dumps(options))
        told = llm(*command).stderr
        assert "was begun with transformers 4.0, now" in told
        assert now in told

    def test_json_has_the_counts(self, folder, tmp_path):
        done = llm("sample", folder, "--task", "countdown", "--out", tmp_path / "s.jsonl", *SAMPLING, "--json", "-q")
        told = json.loads(done.stdout)
        assert (told["problems"], told["samples"], told["benchmark"]) == (5, 30, "countdown")
        assert told["tokens"] == sum(row["tokens"] for row in rows_of(tmp_path / "s.jsonl"))
        assert told["cut"] == sum(row["finish_reason"] == "length" for row in rows_of(tmp_path / "s.jsonl"))

    def test_a_file_of_problems_is_graded_by_its_golds(self, folder, tmp_path):
        problems = tmp_path / "sums.jsonl"
        problems.write_text(
            "".join(json.dumps({"id": i, "problem": f"{i}+1=", "answer": str(i + 1)}) + "\n" for i in range(3))
        )
        out = tmp_path / "samples.jsonl"
        assert llm("sample", folder, problems, "--out", out, *SAMPLING).exit_code == 0
        assert [row["gold"] for row in rows_of(out)][::6] == ["1", "2", "3"]
        assert llm("grade", out, "--out", tmp_path / "scored.jsonl").exit_code == 0

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ([], "give one of FILE, --dataset and --task, got none"),
            (["--task", "countdown", "--dataset", "gsm8k"], "got --dataset and --task"),
            (["x.jsonl", "--split", "train"], "no splits"),
            (["x.jsonl", "--data-dir", "."], "--data-dir"),
            (["--dataset", "gsm8k", "--difficulty", "4"], "are of --task"),
            (["--task", "countdown", "--template", "chat-ml"], "Did you mean 'chat'"),
            (["--task", "countdown", "--n", "2000"], "1 to 1024"),
            (["--task", "countdown", "--logprobs", "all"], "unknown logprobs"),
        ],
    )
    def test_contradictions_are_refused(self, folder, tmp_path, options, words):
        assert words in failure("sample", folder, "--out", tmp_path / "s.jsonl", *options)
        assert not (tmp_path / "s.jsonl").exists()


class TestEval:
    EVAL = ("--limit", 6, "--temperature", 1, "--top-p", 1, "--engine", "transformers")

    def test_a_model_is_sampled_graded_and_reported(self, folder, tmp_path):
        base, run = tmp_path / "base", tmp_path / "trained"
        done = llm("eval", folder, "--task", "countdown", "--out", base, "--n", 8, *self.EVAL)
        assert done.exit_code == 0, done.output
        assert "pass@k, %" in done.stdout
        info = json.loads((base / "run.json").read_text())
        assert (info["method"], info["engine"], info["model"]) == ("base", "transformers", folder.name)
        (samples,) = read_samples(base / "evaluation")
        assert samples.benchmarks == ("countdown",)
        assert samples.num_samples.tolist() == [8] * 6
        row = rows_of(base / "evaluation" / "countdown.jsonl")[0]
        assert {"problem_id", "sample", "benchmark", "correct", "status", "extracted", "completion", "seed"} <= set(row)
        other = llm_sampling_models.random_model(tmp_path / "other", seed=7)
        done = llm(
            "eval", other, "--task", "countdown", "--out", run, "--n", "countdown=16", "--against", base, "--method",
            "maxpo", "--json", *self.EVAL,
        )  # fmt: skip
        assert done.exit_code == 0, done.output
        told = json.loads(done.stdout)
        assert told["sampling"]["countdown"]["samples"] == 6 * 16
        assert told["report"]["against"] == "base"
        support = told["report"]["support"]["trained"]["countdown"]
        assert support["k"] == 8
        assert support["num_problems"] == 6
        assert json.loads((run / "run.json").read_text())["method"] == "maxpo"

    def test_several_benchmarks_have_each_their_number_of_samples(self, tmp_path):
        model = llm_sampling_models.random_model(tmp_path / "model", context=400, alphabet=string.printable)
        done = llm(
            "eval", model, "--task", "countdown", "--task", "chain_sum", "--n", 4, "--n", "chain_sum=8",
            "--max-new-tokens", 3, "--out", tmp_path / "run", "--json", *self.EVAL,
        )  # fmt: skip
        assert done.exit_code == 0, done.output
        told = json.loads(done.stdout)
        assert {name: part["samples"] for name, part in told["sampling"].items()} == {"countdown": 24, "chain_sum": 48}
        curves = told["report"]["methods"][0]["pass_at_k"]
        assert [point["k"] for point in curves["benchmarks"]["chain_sum"]] == [1, 2, 4, 8]
        assert [point["k"] for point in curves["task_average"]] == [1, 2, 4]

    def test_a_second_call_goes_on_and_changes_nothing(self, folder, tmp_path):
        command = ("eval", folder, "--task", "countdown", "--out", tmp_path / "run", "--n", 4, *self.EVAL)
        llm(*command)
        files = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
        scored = tmp_path / "run" / "evaluation" / "countdown.jsonl"
        scored.write_bytes(scored.read_bytes()[:-30])
        samples = tmp_path / "run" / "samples" / "countdown.jsonl"
        samples.write_bytes(samples.read_bytes()[:-30])
        done = llm(*command)
        assert done.exit_code == 0, done.output
        assert "(5 of them drawn before)" in done.stdout
        assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == files
        assert "temperature is 1.0, not 0.5" in failure(*command, "--temperature", 0.5)

    def test_how_samples_are_drawn_is_recorded_and_other_settings_are_not_compared(self, folder, tmp_path):
        base, run = tmp_path / "base", tmp_path / "run"
        options = ("--task", "countdown", "--n", 2, "--limit", 3, "--engine", "transformers", "--top-p", 1)
        assert llm("eval", folder, "--out", base, "--temperature", 1, *options).exit_code == 0
        record = json.loads((base / "evaluation" / "countdown.jsonl.options").read_text())
        assert record == {
            "schema": "maxpo-bench sampling 1", "temperature": 1.0, "top_p": 1.0, "max_new_tokens": None,
            "template": "plain", "dtype": "float32",
        }  # fmt: skip
        told = failure("eval", folder, "--out", run, "--temperature", 0.6, "--against", base, *options)
        assert "drawn differently (there and here: temperature 1.0 and 0.6)" in told
        told = failure("eval", folder, "--out", run, "--dtype", "bfloat16", "--against", base, *options)
        assert "dtype float32 and bfloat16" in told
        told = failure("eval", folder, "--out", run, "--max-new-tokens", 4, "--against", base, *options)
        assert "max_new_tokens as the context leaves and 4" in told
        assert not (run / "samples").exists()
        assert not (run / "run.json").exists()
        (base / "evaluation" / "countdown.jsonl.options").unlink()
        done = llm("eval", folder, "--out", run, "--temperature", 0.6, "--against", base, *options)
        assert done.exit_code == 0, done.output
        assert "no record of how the samples in" in done.stdout.replace("\n", " ")

    def test_folders_that_differ_in_temperature_are_refused_by_its_name(self, folder, tmp_path):
        for temperature in (1, 0.6):
            out = tmp_path / "runs" / str(temperature)
            options = ("--task", "countdown", "--n", 2, "--limit", 3, "--engine", "transformers", "--top-p", 1)
            assert llm("eval", folder, "--out", out, "--temperature", temperature, *options).exit_code == 0
        told = failure("report", tmp_path / "runs")
        assert "0.6 and 1 were sampled differently on countdown (temperature 0.6 and 1.0)" in told

    def test_an_evaluation_of_other_samples_is_kept_and_nothing_is_sampled(self, folder, tmp_path):
        from maxpo_bench.llm.run_folder import RunFolder

        run = RunFolder(tmp_path / "run")
        run.evaluation_path.mkdir(parents=True)
        row = {"problem_id": "countdown/test/0", "sample": 0, "benchmark": "countdown", "correct": True, "seed": 1}
        run.samples_path("countdown").write_text(json.dumps(row) + "\n")
        before = run.samples_path("countdown").read_bytes()
        told = failure("eval", folder, "--task", "countdown", "--out", run.path, "--n", 2, *self.EVAL)
        assert "line 1: seed differs" in told
        assert "Keep it, and give another --out" in told
        assert run.samples_path("countdown").read_bytes() == before
        assert not (run.path / "samples").exists()

    def test_models_from_elsewhere_say_how_they_were_trained(self, folder, tmp_path):
        command = ("eval", folder, "--task", "countdown", "--n", 2, *self.EVAL)
        trained = ("--method", "maxpo", "--k", 4, "--group-size", 16, "--model-name", "m")
        for seed in (0, 1):
            out = tmp_path / "runs" / f"seed{seed}"
            assert llm(*command, "--out", out, *trained, "--train-seed", seed).exit_code == 0
            info = json.loads((out / "run.json").read_text())
            assert (info["seed"], info["k"], info["group_size"]) == (seed, 4, 16)
        done = llm("report", tmp_path / "runs", "--json")
        assert done.exit_code == 0, done.output
        (model,) = json.loads(done.stdout)["models"]
        (method,) = model["methods"]
        assert (method["k"], [run["seed"] for run in method["runs"]]) == (4, [0, 1])
        assert "--k 8, there 4" in failure(*command, "--out", tmp_path / "runs" / "seed0", *trained[:2], "--k", 8)
        assert "say by --method" in failure(*command, "--out", tmp_path / "base", "--k", 4)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ([], "nothing to evaluate on"),
            (["--task", "countdown", "--task", "countdown"], "benchmarks must differ"),
            (["--task", "countdown", "--n", "aime24=1024"], "names no benchmark"),
            (["--task", "countdown", "--n", "many"], "NAME=NUMBER"),
            (["--task", "countdown", "--against", "nowhere"], "--against nowhere does not exist"),
            (["--dataset", "gsm8k", "--difficulty", "4"], "are of --task"),
        ],
    )
    def test_contradictions_are_refused(self, folder, tmp_path, options, words):
        assert words in failure("eval", folder, "--out", tmp_path / "run", *options)
        assert not (tmp_path / "run" / "run.json").exists()


class TestSamplesPerBenchmark:
    @pytest.mark.parametrize(
        ("texts", "expected"),
        [
            ([], {"a": 256, "b": 256}),
            (["64"], {"a": 64, "b": 64}),
            (["a=1024"], {"a": 1024, "b": 256}),
            (["a=1024", "8"], {"a": 1024, "b": 8}),
        ],
    )
    def test_what_is_named_comes_before_the_rest(self, texts, expected):
        from maxpo_bench.commands.llm_eval import Asked

        assert Asked(n=texts).samples_of(["a", "b"], 256) == expected
