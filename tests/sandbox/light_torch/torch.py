"""As much of torch as a worker needs: NumPy behind torch's names, so that a worker starts in tenths of a second."""

import numpy as np

float64, float32, float16, bfloat16 = (np.dtype(code) for code in ("f8", "f4", "f2", "V2"))
strided = "strided"


class Tensor:
    layout = strided

    class device:
        type = "cpu"

    def __init__(self, array):
        self.array = array
        self.shape = array.shape
        self.dtype = array.dtype

    def detach(self):
        return self

    def numpy(self):
        return self.array

    def to(self, dtype):
        return Tensor(self.array.astype(dtype))

    def __getitem__(self, key):
        return Tensor(self.array[key])


def from_numpy(array):
    return Tensor(array)


def empty_like(tensor):
    return Tensor(np.empty_like(tensor.array))


def cat(tensors):
    return Tensor(np.concatenate([tensor.array for tensor in tensors]))


def set_num_threads(count):
    assert count == 1
