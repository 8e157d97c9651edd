"""A project of three pages in two languages, for tests that change or break it."""

from __future__ import annotations

import re
from pathlib import Path

from sitekit.project.layout import Project
from sitekit.translate import catalogue, sources

LANGUAGES = """\
letters = '[\\u3400-\\u4dbf\\u4e00-\\u9fff]'
anchors = "en"

[[languages]]
folder = "zh"
tag = "zh-CN"
sphinx = "zh_CN"
name = "中文"

[[languages]]
folder = "en"
tag = "en"
sphinx = "en"
name = "English"
"""
CURRICULUM = """\
[[chapters]]
name = "start"

[chapters.pages.first]
minutes = 3

[chapters.pages.second]
prerequisites = ["start/first"]
"""
HEADER = """\
.. _start:

开始
====

这一章只有两页，
都很短。
"""
FIRST = '''\
# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy"]
# ///
"""
.. _start-first:

第一页
======

一个 :term:`张量` 加上
``1``，得到 :math:`x + 1`。

你将学到：

- 加法，
  以及减法
- 见 :ref:`start-second`
"""

import numpy as np

# %%
# 加法
# ----
# .. note::
#
#    形状要 **相同** ，见 `手册 <https://example.org/a>`__。
#
# .. list-table:: 结果
#
#    * - 甲
#      - ``2``

x = np.ones(3)  # 三个一


# 一个函数，
# 只有一行。
def double(value):
    """把 `value` 加倍。

    返回值是
    新的数组。
    """
    return value * 2


# sphinx_gallery_thumbnail_number = 1
print(f"{double(x)=}")  # noqa: T201
# alt: 一条横线，
# 高度是 2。
np.zeros(1)

# %%
# 加法
# ----
#
# .. math::
#
#    x + x = 2x
#
# 结束。
'''
SECOND = '''\
# /// script
# dependencies = []
# ///
"""
.. _start-second:

第二页
======

这里什么也没有。
"""

print("nothing")
'''
INDEX = """\
---
file_format: mystnb
---

(home)=

# 首页

一句话，
用到 `code`、$x$ 和{ref}`start-first`。

```{toctree}
:caption: 章节

start/index
```

```{admonition} 注意
里面有[链接](https://example.org/b)。
```

(home-table)=

## 表格

| 名 | 值 |
|---|---|
| 甲 | `1` |

```{code-cell} python
x = 1  # 一
```

```{glossary}
张量
  多维数组。
```
"""


def english(text: str) -> str:
    """Stand in for a translator: the markup of `text` with other words."""
    for chinese, plain in {"，": ", ", "。": ".", "：": ":", "、": ", "}.items():
        text = text.replace(chinese, plain)
    return re.sub(r"[^\x00-\x7f]+", "word", text)


def write(root: Path) -> Project:
    """Write the project into the empty folder `root`, completely translated."""
    for name, text in {
        "docs/languages.toml": LANGUAGES,
        "docs/index.md": INDEX,
        "gallery/curriculum.toml": CURRICULUM,
        "gallery/start/GALLERY_HEADER.rst": HEADER,
        "gallery/start/first.py": FIRST,
        "gallery/start/second.py": SECOND,
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    project = Project.load(root)
    translate(project)
    return project


def translate(project: Project) -> None:
    """Bring the catalogues up to date, and fill in what is missing."""
    language = project.languages[1]
    for source in sources.sources(project):
        catalogue.update(project, source, language)
        path = project.catalogue_path(language, source.docname)
        entry = re.compile(r'^msgid "(.+)"\nmsgstr ""$', re.MULTILINE)
        text = entry.sub(lambda m: f'msgid "{m[1]}"\nmsgstr "{english(m[1])}"', path.read_text("utf-8"))
        path.write_text(text, encoding="utf-8")
