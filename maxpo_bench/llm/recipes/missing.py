"""What a recipe needs and this machine lacks, each with the way to get it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

from maxpo_bench.llm.recipes.memory import GB, MemoryEstimate
from maxpo_bench.llm.recipes.models import find_model, how_to_get
from maxpo_bench.llm.recipes.schema import TINY, Recipe

_LLM_PACKAGES = ("transformers", "trl", "accelerate", "datasets")


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing that is not there.

    Attributes:
        what: "packages", "gpu", "memory", "weights" or "data".
        why: what was looked for, and what was found.
        remedy: how to get it.
    """

    what: str
    why: str
    remedy: str

    def __str__(self) -> str:
        """All three."""
        return f"{self.what}: {self.why}; {self.remedy}"


def find_missing(recipe: Recipe, memory: MemoryEstimate | None) -> Iterator[Missing]:
    """Yield what is missing; the data set is read, from this machine only.

    Args:
        recipe: the recipe.
        memory: what it takes on each device, None if unknown.
    """
    yield from missing_machine(recipe, memory)
    name = recipe.model.name
    if name != TINY and find_model(name) is None:
        yield Missing("weights", f"{name} is not on this machine", how_to_get(name))
    yield from _data(recipe)


def missing_machine(recipe: Recipe, memory: MemoryEstimate | None) -> Iterator[Missing]:
    """Yield the packages and devices that are missing; see `find_missing`."""
    yield from _packages(recipe)
    yield from _devices(recipe, memory)


def missing_packages(recipe: Recipe) -> list[str]:
    """Return the extras to install, such as "llm"."""
    wanted = list(_LLM_PACKAGES) + (["peft"] if recipe.lora is not None else [])
    extras = [] if all(find_spec(package) for package in wanted) else ["llm"]
    needs_vllm = recipe.hardware.gpus > 0 and recipe.sampling.engine == "vllm"
    return [*extras, "vllm"] if needs_vllm and find_spec("vllm") is None else extras


def _packages(recipe: Recipe) -> Iterator[Missing]:
    extras = missing_packages(recipe)
    if extras:
        without = " or --set sampling.engine=transformers, which is slower" if "vllm" in extras else ""
        names = ",".join(extras)
        yield Missing(
            "packages", f"not installed: {' and '.join(extras)}", f"pip install 'maxpo-bench[{names}]'{without}"
        )


def _devices(recipe: Recipe, memory: MemoryEstimate | None) -> Iterator[Missing]:
    import torch

    wanted = recipe.hardware.gpus
    if not wanted:
        return
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if there < wanted:
        fewer = (
            f"--set hardware.gpus={there} keeps the batch and takes longer"
            if there
            else "--set hardware.gpus=0 runs on the CPU, which does for the smallest models only"
        )
        yield Missing("gpu", f"{wanted} of {recipe.hardware.memory_gb:g} GB wanted, {there} there", fewer)
    sizes = [torch.cuda.get_device_properties(index).total_memory / GB for index in range(there)]
    limit = min(sizes, default=recipe.hardware.memory_gb)
    if memory is not None and memory.peak / GB > limit:
        yield Missing(
            "memory",
            f"about {memory.peak / GB:.0f} GB are needed on each device, it has {limit:.0f} GB",
            "lower batch.per_device or sampling.memory, raise hardware.gpus with hardware.shard=true, or add a [lora]",
        )


def _data(recipe: Recipe) -> Iterator[Missing]:
    from maxpo_bench.envs.tasks import MissingDataError
    from maxpo_bench.llm.recipes.questions import load_questions

    try:
        load_questions(recipe.data, from_cache=True)
    except MissingDataError as error:
        yield Missing("data", str(error), "or --set data.set=FILE, a file that maxpo-bench llm prepare wrote")
