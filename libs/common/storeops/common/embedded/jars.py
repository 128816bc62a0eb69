"""Apache Kafka's jars: downloaded once by jgo, then found offline. Knows nothing of how they are run."""

import fcntl
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from jgo.config import GlobalSettings
from jgo.constants import MAVEN_CENTRAL_URL
from jgo.maven import MavenContext

logger = logging.getLogger(__name__)

KAFKA_VERSION = "4.1.1"
# Kafka brings no logger of its own: without one it dies without a word.
COORDINATES = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.slf4j:slf4j-simple:1.7.36")

Progress = Callable[[int, int], None]


def resolve_jars(on_progress: Progress | None = None) -> str:
    """The Java class path of Apache Kafka; the first call downloads about 45 MB and calls `on_progress(done, of)`.

    Jars appear in the cache all together, each checked against its published sum, so that a call that was cut off
    leaves nothing half. A second process waits for the first. Repositories of jgo's own configuration come first.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "storeops"
    whole, draft = cache / f"kafka-{KAFKA_VERSION}", cache / f"kafka-{KAFKA_VERSION}.partial"
    if not whole.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / "kafka.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not whole.exists():
                shutil.rmtree(draft, ignore_errors=True)
                _download(draft, on_progress)
                draft.rename(whole)
    return os.pathsep.join(str(jar) for jar in sorted(whole.rglob("*.jar")))


def _download(folder: Path, on_progress: Progress | None) -> None:
    logger.info("downloading Apache Kafka %s, once", KAFKA_VERSION)
    remotes = {**GlobalSettings.load().repositories, "central": MAVEN_CENTRAL_URL}
    context = MavenContext(repo_cache=folder, remote_repos=remotes)
    inputs, transitive = context.resolver.resolve([context.create_dependency(name) for name in COORDINATES])
    wanted = [*inputs, *(found for found in transitive if found.scope in ("compile", "runtime"))]
    for done, dependency in enumerate(wanted, start=1):
        dependency.artifact.resolve()
        logger.info("jar %d of %d: %s", done, len(wanted), dependency.artifact.filename)
        if on_progress:
            on_progress(done, len(wanted))
