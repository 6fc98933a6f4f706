"""The page's scripts in one."""

from __future__ import annotations

import re
from graphlib import CycleError
from pathlib import Path

import pytest

from scraper.simulator.app import WEB
from scraper.simulator.bundle import bundle


def written(folder: Path, **modules: str) -> Path:
    for name, text in modules.items():
        (folder / f"{name}.js").write_text(text)
    return folder


def test_module_comes_after_what_it_needs_with_names_of_its_own(tmp_path):
    folder = written(
        tmp_path,
        a='import { two, later } from "./b.js";\nlet own = 1;\nexport const three = two() + own;\n',
        b="let own = 2;\nexport function two() { return own; }\nexport async function later() {}\n",
    )
    assert (
        bundle(folder)
        == """const modules = {};
modules["b.js"] = (() => {
let own = 2;
function two() { return own; }
async function later() {}

return { two, later };
})();

modules["a.js"] = (() => {
const { two, later } = modules["b.js"];
let own = 1;
const three = two() + own;

return { three };
})();
"""
    )


def test_modules_that_need_each_other_are_an_error(tmp_path):
    with pytest.raises(CycleError):
        bundle(written(tmp_path, a='import { b } from "./b.js";\n', b='import { a } from "./a.js";\n'))


@pytest.mark.parametrize("line", ["export default 1;", "import * as x from './b.js';", "export { x };", "export let x = 1;"])
def test_what_cannot_be_bundled_is_an_error_that_names_it(tmp_path, line):
    with pytest.raises(ValueError, match=re.escape(f"a.js: no way to bundle `{line}`")):
        bundle(written(tmp_path, a=f"const x = 1;\n{line}\n"))


def test_every_script_of_the_page_is_in_its_bundle():
    assert sorted(re.findall(r'^modules\["(.+)"\] =', bundle(WEB), re.MULTILINE)) == sorted(path.name for path in WEB.glob("*.js"))
