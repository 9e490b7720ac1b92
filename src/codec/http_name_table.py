#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Finds a hash without collisions for http_names.h and writes http_name_table.h beside it, with the names in lower case.

The hash is that of name_slot() in http_field.c: the first and the last four bytes and the length.
"""

import pathlib
import random
import re

HERE = pathlib.Path(__file__).parent
BITS = 10
MASK = (1 << 64) - 1


def key(name: str) -> int:
    b = [c | 0x20 for c in name.encode()]
    n = len(b)
    if n >= 4:
        head, tail = b[:4], b[-4:]
    else:
        head, tail = [b[0], b[n // 2], b[n - 1], 0x20], [0x20] * 4
    return int.from_bytes(bytes(head + tail), "little") + (n << 40) & MASK


def search(keys: list[int]) -> tuple[int, list[int]]:
    generator = random.Random(1)
    while True:
        factor = generator.getrandbits(64) | 1
        slots = [(k * factor & MASK) >> (64 - BITS) for k in keys]
        if len(set(slots)) == len(slots):
            return factor, slots


def main() -> None:
    rows = re.findall(r'^X\((\w+), "([^"]+)"', (HERE / "http_names.h").read_text(), re.M)
    rows = [(name_id, text) for name_id, text in rows if not text.endswith("*")]
    keys = [key(text) for _, text in rows]
    clash = {k for k in keys if keys.count(k) > 1}
    assert not clash, [text for (_, text), k in zip(rows, keys) if k in clash]
    factor, slots = search(keys)
    lines = [
        "/* SPDX-License-Identifier: Apache-2.0 */",
        "/* Made by http_name_table.py from http_names.h: the slot of each name, and its lower case. */",
        "",
        f"enum {{ NAME_SLOT_BITS = {BITS} }};",
        "/* clang-format off */",
        f"static const uint64_t name_slot_factor = 0x{factor:016x};",
        "static const uint8_t name_slots[1 << NAME_SLOT_BITS] = {",
    ]
    entries = [f"[{slot}] = HTTP_{row[0]}," for slot, row in sorted(zip(slots, rows))]
    lines += ["\t" + " ".join(entries[i : i + 3]) for i in range(0, len(entries), 3)]
    lines += ["};", "", "/* As HTTP/2 and HTTP/3 have them. */", "static const str name_lower[HTTP_NAMES] = {"]
    lines += [f'\t[HTTP_{name_id}] = STR_INIT("{text.lower()}"),' for name_id, text in rows]
    lines += ["};", "/* clang-format on */", ""]
    (HERE / "http_name_table.h").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
