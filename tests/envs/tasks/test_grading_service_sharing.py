"""One grader used by threads, event loops, forked and spawned processes, and what is left of it when they end."""

from __future__ import annotations

import asyncio
import concurrent.futures
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from service_processes import DEADLINE_S, boxed, session, wait_until, workers_of, zygote_of

from maxpo_bench.envs.tasks import Grade, Grader, grade_answers

MakeGrader = Callable[..., Grader]
HERE = str(Path(__file__).parent)
PAIRS = [(r"2\sqrt{3}", r"\sqrt{12}", "correct"), (r"\frac{x}{2}", r"0.5x", "correct"), (r"\pi", r"2\pi", "wrong")]
SCRIPT_HEAD = f"""
import os, signal, sys, threading, time
sys.path.insert(0, {HERE!r})
from maxpo_bench.envs.tasks.grading import service
service.normalise = str
service.fast_verdict = lambda gold, answer: None
grader = service.Grader(2, time_limit=1000.0, judge="service_judges:obey")
def boxed(*answers):
    return [f"\\\\boxed{{{{{{answer}}}}}}" for answer in answers]
grader.grade(["a", "b"], boxed("a", "b"))
print(grader._pool.crew.launcher.pid, flush=True)
"""


def statuses(grades: list[Grade]) -> list[str]:
    return [grade.status for grade in grades]


def begins(grader: Grader) -> Callable[[], bool]:
    return lambda: any(link.begun_at is not None for link in list(grader._pool.crew.workers.values()))


RunScript = Callable[[str], tuple[subprocess.Popen[str], int]]


@pytest.fixture
def run_script() -> Iterator[RunScript]:
    """Start processes with a grader of their own; each is returned with its zygote, and killed in the end."""
    started: list[subprocess.Popen[str]] = []

    def run(body: str) -> tuple[subprocess.Popen[str], int]:
        command = [sys.executable, "-c", SCRIPT_HEAD + textwrap.dedent(body)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process, int(line_of(process))

    yield run
    for process in started:
        process.kill()
        process.communicate()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_eight_threads_share_a_grader(make_grader: MakeGrader):
    grader = make_grader(2)

    def grade(thread: int) -> list[bool]:
        answers = [f"t{thread if number % 2 else 'all'}n{number}" for number in range(60)]
        golds = [answer if number % 3 else "other" for number, answer in enumerate(answers)]
        completions = boxed(*answers)
        parts = [slice(start, start + 5) for start in range(0, 60, 5)]
        return [grade.correct for part in parts for grade in grader.grade(golds[part], completions[part])]

    with concurrent.futures.ThreadPoolExecutor(8) as executor:
        for verdicts in executor.map(grade, range(8)):
            assert verdicts == [number % 3 != 0 for number in range(60)]
    assert sum(grader.counts.values()) == 480


def test_many_awaits_share_a_grader_and_leave_the_loop_free(make_grader: MakeGrader):
    grader = make_grader(2)

    async def main() -> tuple[list[list[Grade]], int]:
        slow = asyncio.ensure_future(grader.agrade(["yes"], boxed("sleep:0.5")))
        graded = [grader.agrade([f"n{number}", "x"], boxed(f"n{number}", f"n{number}")) for number in range(300)]
        ticks = 0
        while not slow.done():
            ticks += 1
            await asyncio.sleep(0.001)
        return await asyncio.gather(*graded, slow), ticks

    grades, ticks = asyncio.run(main())
    assert [statuses(each) for each in grades] == [["correct", "wrong"]] * 300 + [["correct"]]
    assert ticks > 1  # the loop went round while a worker was at it


def test_a_large_batch_lets_the_loop_go_round(make_grader: MakeGrader):
    grader = make_grader(2)
    answers = [f"n{number}" for number in range(500)]

    async def main() -> list[str]:
        seen: list[str] = []

        async def tick() -> None:
            seen.append("tick")

        task = asyncio.ensure_future(tick())
        grades = await grader.agrade(answers, ["no box"] * 500)
        seen.append("graded")
        await task
        assert statuses(grades) == ["no_box"] * 500
        return seen

    assert asyncio.run(main()) == ["tick", "graded"]


def test_event_loops_in_several_threads(make_grader: MakeGrader):
    grader = make_grader(2)

    def run(thread: int) -> list[str]:
        return statuses(asyncio.run(grader.agrade(["a", f"t{thread}"], boxed("a", f"t{thread}"))))

    with concurrent.futures.ThreadPoolExecutor(4) as executor:
        assert list(executor.map(run, range(12))) == [["correct", "correct"]] * 12


def test_a_cancelled_await_drops_what_has_not_begun(make_grader: MakeGrader, tmp_path: Path):
    grader = make_grader(1, time_limit=1000.0)

    async def main() -> None:
        slow = asyncio.ensure_future(grader.agrade(["yes"], boxed("sleep:0.5")))
        while not begins(grader)():
            await asyncio.sleep(0.001)
        marks = [f"mark:{tmp_path}/{name}" for name in ("dropped", "shared")]
        dropped = asyncio.ensure_future(grader.agrade(["yes", "yes"], boxed(*marks)))
        kept = asyncio.ensure_future(grader.agrade(["yes"], boxed(marks[1])))
        await asyncio.sleep(0)
        dropped.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dropped
        assert statuses(await kept) == ["correct"]
        assert statuses(await slow) == ["correct"]

    asyncio.run(main())
    assert statuses(grader.grade(["yes"], boxed("a"))) == ["correct"]
    assert {path.name.partition(".")[0] for path in tmp_path.iterdir()} == {"shared"}
    assert sum(grader.counts.values()) == 3


def test_a_slow_comparison_that_nobody_waits_for_frees_its_worker(make_grader: MakeGrader):
    grader = make_grader(1, time_limit=1000.0)

    async def main() -> list[Grade]:
        slow = asyncio.ensure_future(grader.agrade(["yes"], boxed("sleep:1000")))
        while not begins(grader)():
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.3)  # it is slow by now
        slow.cancel()
        return await grader.agrade(["a"], boxed("a"))

    assert statuses(asyncio.run(main())) == ["correct"]
    assert (grader.stats().workers_started, grader.stats().workers_killed) == (2, 0)


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")  # what is tested is that
def test_a_forked_child_grades_while_its_parent_does(make_grader: MakeGrader):
    grader = make_grader(2)
    grader.grade(["a"], boxed("a"))
    stop = threading.Event()
    failures: list[str] = []

    def keep_grading() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            if statuses(grader.grade([f"n{number}"] * 2, boxed(f"n{number}", "x"))) != ["correct", "wrong"]:
                failures.append(f"n{number}")

    thread = threading.Thread(target=keep_grading)
    thread.start()
    children = [fork(lambda: grade_in_child(grader)) for _ in range(5)]
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    stop.set()
    thread.join()
    assert codes == [0] * 5
    assert failures == []
    assert statuses(grader.grade(["z"], boxed("z"))) == ["correct"]


def fork(function: Callable[[], object]) -> int:
    """Run a function in a forked child, whose exit code says whether it raised."""
    child = os.fork()
    if child == 0:
        signal.alarm(int(DEADLINE_S))  # a child that hangs fails
        try:
            function()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return child


def grade_in_child(grader: Grader) -> None:
    assert sum(grader.counts.values()) == 0
    for number in range(5):
        assert statuses(grader.grade([f"c{number}", "y"], boxed(f"c{number}", "x"))) == ["correct", "wrong"]
    assert grader.counts["correct"] == 5


def grade_in_spawned_process(grader: Grader | None) -> list[str]:
    golds, answers, _ = zip(*PAIRS, strict=True)
    grade = grade_answers if grader is None else grader.grade
    return statuses(grade(golds, boxed(*answers)))


def test_a_spawned_process_has_graders_of_its_own():
    """The shared one, and one that is passed."""
    with Grader(1, time_limit=20.0) as grader, multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(grade_in_spawned_process, [None, grader]) == [[status for *_, status in PAIRS]] * 2


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")  # what is tested is that
def test_multiprocessing_children_grade_with_the_shared_grader():
    expected = [status for *_, status in PAIRS]
    assert grade_in_spawned_process(None) == expected
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(grade_in_spawned_process, [None] * 4) == [expected] * 4


@pytest.mark.parametrize("answer", ["sleep:1000", "compute", "a"])
def test_a_killed_process_leaves_nothing_behind(run_script: RunScript, answer: str):
    """Busy, busy inside C, or idle."""
    process, zygote = run_script(f"""
        threading.Thread(target=grader.grade, args=(["x"], boxed({answer!r})), daemon=True).start()
        while {answer != "a"} and not any(link.begun_at for link in list(grader._pool.crew.workers.values())):
            time.sleep(0.01)
        print("busy", flush=True)
        time.sleep(1000)
    """)
    assert line_of(process) == "busy"
    assert len(session(zygote)) >= 2
    process.kill()
    wait_until(lambda: session(zygote) == set())


def test_a_forked_child_that_lives_on_does_not_keep_the_processes_of_its_parent(run_script: RunScript):
    """It must not hold a copy of the socket whose end of stream ends them."""
    process, zygote = run_script("""
        import warnings
        warnings.simplefilter("ignore")
        child = os.fork()
        if child == 0:
            time.sleep(1000)
        print(child, flush=True)
        time.sleep(1000)
    """)
    child = int(line_of(process))
    process.kill()
    wait_until(lambda: session(zygote) == set())
    os.kill(child, signal.SIGKILL)  # raises if it has ended


@pytest.mark.parametrize(
    "ending",
    ["pass", "sys.exit(0)", "grader.close()", "os._exit(0)"],
)
def test_a_process_that_ends_leaves_nothing_behind(run_script: RunScript, ending: str):
    """With a comparison under way in a daemon thread, which must hold nothing up."""
    process, zygote = run_script(f"""
        def wait(grader=grader):
            try:
                grader.grade(["x"], boxed("sleep:1000"))
            except Exception:
                pass
        threading.Thread(target=wait, daemon=True).start()
        while not any(link.begun_at for link in list(grader._pool.crew.workers.values())):
            time.sleep(0.01)
        {ending}
    """)
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, errors) == (0, "")
    wait_until(lambda: session(zygote) == set())


def test_a_grader_collected_while_its_thread_waits_for_a_lock_does_not_wait_for_that_thread(run_script: RunScript):
    """As where the collector runs in a thread that is about to fork."""
    process, zygote = run_script("""
        import gc
        from maxpo_bench.envs.tasks.grading.launcher import FORK_LOCK
        thread, crew = grader._pool._thread, grader._pool.crew
        with FORK_LOCK:
            grader._pool.submit([(str(number), "exit") for number in range(4)])
            # When a worker has died over its comparison, the thread wants to start another.
            while sys._current_frames()[thread.ident].f_code.co_name != "start_worker":
                time.sleep(0.01)
            del grader
            gc.collect()
        thread.join()
        print(crew.launcher)
    """)
    output, errors = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, output, errors) == (0, "None\n", "")
    assert session(zygote) == set()


def test_a_grader_collected_while_its_own_lock_is_held_ends_all_the_same(run_script: RunScript):
    process, zygote = run_script("""
        pool, thread = grader._pool, grader._pool._thread
        with pool._lock:
            del grader
        thread.join()
    """)
    output, errors = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, output, errors) == (0, "", "")
    assert session(zygote) == set()


def test_ctrl_c_interrupts_grade_and_leaves_the_grader_usable(run_script: RunScript):
    process, zygote = run_script("""
        signal.signal(signal.SIGINT, signal.default_int_handler)
        def interrupt():
            while not any(link.begun_at for link in list(grader._pool.crew.workers.values())):
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)
        threading.Thread(target=interrupt, daemon=True).start()
        try:
            grader.grade(["x"] * 3, boxed("sleep:1000", "sleep:1001", "sleep:1002"))
        except KeyboardInterrupt:
            print("interrupted")
        print([grade.status for grade in grader.grade(["p", "q"], boxed("p", "x"))], sum(grader.counts.values()))
    """)
    output, errors = process.communicate(timeout=DEADLINE_S)
    assert output == "interrupted\n['correct', 'wrong'] 4\n"
    assert (process.returncode, errors) == (0, "")
    wait_until(lambda: session(zygote) == set())


def test_signals_that_the_process_ignores_or_blocks_do_no_harm(run_script: RunScript):
    process, _ = run_script("""
        grader.close()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
        grader = service.Grader(2, time_limit=0.1, judge="service_judges:obey")
        print(*[grade.status for grade in grader.grade(["a"] * 3, boxed("a", "sleep:1000", "exit"))])
        os.kill(grader._pool.crew.launcher.pid, signal.SIGKILL)
        print(*[grade.status for grade in grader.grade(["b"] * 2, boxed("b", "compute"))])
    """)
    assert line_of(process) == "correct timeout crash"
    assert line_of(process) == "correct timeout"
    assert process.wait() == 0


def test_ctrl_c_in_a_terminal_does_not_reach_the_workers(make_grader: MakeGrader):
    """A terminal sends SIGINT to its whole process group; the grader's processes are in another."""
    grader = make_grader(1)
    grader.grade(["a"], boxed("a"))
    groups = {os.getpgid(pid) for pid in workers_of(grader) | {zygote_of(grader)}}
    assert os.getpgid(0) not in groups


def test_importing_and_making_a_grader_starts_nothing():
    code = """
        import sys, threading, os
        from maxpo_bench.envs.tasks import Grader, grade_answers
        grader = Grader()
        grade_answers(["5"], [r"\\boxed{5}"])
        assert threading.active_count() == 1
        assert not {"sympy", "math_verify", "torch"} & set(sys.modules), sys.modules
        assert open(f"/proc/self/task/{os.getpid()}/children").read() == ""
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)
