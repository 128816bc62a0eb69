"""The README's first calls, as a newcomer pastes them."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from storeops.app.documents import ROOT
from storeops.common.embedded.process import free_port

BLOCK = re.compile(r"## First calls\n\n```sh\nmake serve &[^\n]*\n(.*?)```", re.DOTALL)


@pytest.mark.xdist_group("commands")
def test_the_first_calls_work_as_they_stand(tmp_path: Path) -> None:
    found = BLOCK.search((ROOT / "README.md").read_text())
    assert found is not None
    port = free_port()
    calls = found[1].replace("API=http://127.0.0.1:8000", f"API=http://127.0.0.1:{port}")
    env = {name: value for name, value in os.environ.items() if not name.startswith("STOREOPS_")}
    serving = subprocess.Popen(
        [sys.executable, "-m", "storeops.app", "serve", "--port", str(port)], cwd=tmp_path, env=env
    )
    try:
        said = subprocess.run(
            ["/usr/bin/env", "bash", "-e", "-c", calls],
            check=False,
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert said.returncode == 0, said.stderr
        opened = orjson.loads(said.stdout.splitlines()[-1])
    finally:
        serving.send_signal(signal.SIGTERM)
        serving.wait(30)
    assert opened["total"] == "39.80"
    assert len(opened["items"]) == 1
