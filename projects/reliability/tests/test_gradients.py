"""Two processes learn what one with both of their batches learns."""

from __future__ import annotations

from pathlib import Path

import gradients
import pytest
import torch

CONFIG = 'centergroup_small256_synthetic'


@pytest.fixture(scope='module')
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """With few people, with many, and with none."""
    return gradients.samples(CONFIG, Path(tmp_path_factory.mktemp('scenes')))


def test_gradients_of_two_processes_are_those_of_the_double_batch(
    samples: list[dict], monkeypatch: pytest.MonkeyPatch
) -> None:
    few, many, _ = samples
    torch.set_num_threads(2)  # the processes have none of these
    assert gradients.difference(CONFIG, [few], [many]) < 1e-5
    own = 'centergroup_mm.models.losses.normalizer.get_world_size'
    monkeypatch.setattr(own, lambda: 1)  # each process divides by its own number of people
    assert gradients.difference(CONFIG, [few], [many]) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize('config', list(gradients.CONFIGS))
def test_also_when_a_process_sees_nobody(tmp_path: Path, config: str) -> None:
    few, many, none = gradients.samples(config, tmp_path)
    for first, second in ((few, many), (many, none), (none, none)):
        assert gradients.difference(config, [first], [second]) < 1e-4
