"""Tables of Chinese for the search: where words end, how terms sound, and the traditional characters."""

import re
from collections.abc import Iterable

HAN_RUN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+")


def words(text: str, terms: Iterable[str]) -> list[str]:
    """The Chinese words that stand in `text` several times, and all `terms`; each of several characters."""
    import rjieba

    found = {word for run in set(HAN_RUN.findall(text)) for word in rjieba.cut(run)}
    often = {word for word in found if text.count(word) > 1}
    return sorted(word for word in often | set(terms) if len(word) > 1 and HAN_RUN.fullmatch(word))


def pinyin(terms: Iterable[str]) -> dict[str, str]:
    """Each of the Chinese `terms` by its full pinyin, without tones."""
    from pypinyin import lazy_pinyin

    return {"".join(lazy_pinyin(term)): term for term in sorted(terms) if HAN_RUN.fullmatch(term)}


def traditional(text: str) -> str:
    """Pairs of characters: a traditional one, and the simplified one of `text` that it is written for."""
    from opencc import OpenCC

    simplified = OpenCC("t2s").convert
    known = set("".join(HAN_RUN.findall(text)))
    every = (chr(code) for code in range(0x4E00, 0xA000))
    return "".join(one + simple for one in every if (simple := simplified(one)) != one and simple in known)
