"""Write a film: GIF with Pillow, MP4 with imageio-ffmpeg; a file is there whole or not at all."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from maxpo_bench.plots.film_play import Picture
from maxpo_bench.registry import suggest

HOLD = 2.0
"""Seconds that the last frame stays."""
_MAX_FPS = {".gif": 50.0, ".mp4": 240.0}
_PALETTE_FRAMES = 16
_COLOURS = 255  # of 256: one stands for what has not changed


def check_film(path: str | Path, fps: float) -> Path:
    """Return the path if a film can be written there.

    Args:
        path: ending in .gif, or in .mp4 where imageio-ffmpeg is installed.
        fps: frames per second: above 0, at most 50 in a GIF (whose clock ticks 100 times a second) and 240 in an MP4.

    Raises:
        ValueError: another ending, a package is missing, a folder stands there, or the speed is out of range.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in _MAX_FPS:
        raise ValueError(f"a film's file ends in {' or '.join(_MAX_FPS)}, got {path}.{suggest(ending, _MAX_FPS)}")
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name a file in it")
    if not 0.0 < fps <= _MAX_FPS[ending]:
        raise ValueError(f"fps must be above 0 and at most {_MAX_FPS[ending]:g} in a {ending} file, got {fps:g}")
    if ending == ".mp4":
        _check_ffmpeg()
    return path


def write_film(frames: Iterable[Picture], path: str | Path, fps: float = 10.0) -> Path:
    """Write frames as a film, the last of which stays for `HOLD` seconds.

    The file is written beside its place and moved there at the end: an error or an interrupt leaves what was there.
    The bytes of a GIF depend on frames and speed alone.

    Args:
        frames: RGB images ``[height, width, 3]``, uint8, all of one shape; consumed once, one after the other.
        path: see `check_film`; its folder is made if it is missing.
        fps: frames per second.

    Returns:
        The path.

    Raises:
        ValueError: no frames, frames of different shapes, or as `check_film`.
        OSError: the file cannot be written; found before the first frame is asked for.
    """
    path = check_film(path, fps)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".writing-{os.getpid()}-{path.name}")
    writer: Callable[[Iterator[Picture], Path, float], None] = {".gif": _gif, ".mp4": _mp4}[path.suffix.lower()]
    try:
        unfinished.touch()
        writer(_checked(frames), unfinished, fps)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _checked(frames: Iterable[Picture]) -> Iterator[Picture]:
    """Yield the frames; raise if there is none, or one of another kind."""
    shape: tuple[int, ...] | None = None
    for frame in frames:
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
            raise ValueError(f"frames are uint8 images [height, width, 3], got {frame.dtype} {list(frame.shape)}")
        if shape not in (None, frame.shape):
            raise ValueError(f"all frames of a film have one shape, got {list(frame.shape)} after {list(shape or ())}")
        shape = frame.shape
        yield frame
    if shape is None:
        raise ValueError("a film needs at least one frame, got none")


def _gif(frames: Iterator[Picture], path: Path, fps: float) -> None:
    """Write a GIF: one palette for all frames, each storing only what changes."""
    stored: list[bytes] = []
    height = width = 0
    for frame in frames:
        height, width = frame.shape[:2]
        stored.append(zlib.compress(frame.tobytes(), 1))

    def load(place: int) -> Image.Image:
        return Image.frombytes("RGB", (width, height), zlib.decompress(stored[place]))

    palette = _palette([load(int(place)) for place in _spread(len(stored), _PALETTE_FRAMES)])
    images = (load(place).quantize(palette=palette, dither=Image.Dither.NONE) for place in range(len(stored)))
    # ends of frames on the format's clock, so that 30 frames a second last a second
    ends = [round(100.0 * (place + 1) / fps) for place in range(len(stored))]
    durations = [10 * (end - start) for start, end in zip([0, *ends], ends, strict=False)]
    durations[-1] = max(durations[-1], round(1000 * HOLD))
    first = next(images)
    first.save(
        path, format="GIF", save_all=True, append_images=images, duration=durations, loop=0, optimize=True, disposal=1
    )


def _spread(count: int, most: int) -> list[int]:
    """Return at most `most` places, evenly spread over `count`, the last one among them."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, most))})


def _palette(images: list[Image.Image]) -> Image.Image:
    """Return an image with the colours that serve all of these."""
    sheet = Image.new("RGB", (images[0].width, images[0].height * len(images)))
    for place, image in enumerate(images):
        sheet.paste(image, (0, place * image.height))
    return sheet.quantize(_COLOURS, method=Image.Quantize.MEDIANCUT)


def _check_ffmpeg() -> Any:
    """Return imageio-ffmpeg; raise ValueError if it or its program is missing."""
    try:
        import imageio_ffmpeg

        imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError) as error:
        raise ValueError(
            "MP4 needs imageio-ffmpeg, which is not installed or has no ffmpeg program here: "
            "pip install 'maxpo-bench[video]', or write a .gif"
        ) from error
    return imageio_ffmpeg


def _mp4(frames: Iterator[Picture], path: Path, fps: float) -> None:
    """Write an MP4 in H.264, which every browser plays."""
    first = _even(next(frames))
    writer = _check_ffmpeg().write_frames(
        str(path),
        (first.shape[1], first.shape[0]),
        fps=fps,
        quality=7,
        macro_block_size=2,
        ffmpeg_log_level="error",
        input_params=["-threads", "1"],
        output_params=["-threads", "1", "-fflags", "+bitexact", "-flags", "+bitexact", "-movflags", "+faststart"],
    )
    try:
        writer.send(None)
        writer.send(first.tobytes())
        last = first
        for frame in frames:
            last = _even(frame)
            writer.send(last.tobytes())
        for _ in range(round(HOLD * fps)):
            writer.send(last.tobytes())
    finally:
        writer.close()


def _even(frame: Picture) -> Picture:
    """Repeat the last row or column where their number is odd, which H.264 cannot store."""
    height, width = frame.shape[:2]
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
