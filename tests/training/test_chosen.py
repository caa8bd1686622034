"""Which checkpoints a path means, what they are called, and what is refused before anything runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from trained_folders import LENGTH, keep, run_of

from rnn_vs_attn.errors import UserError
from rnn_vs_attn.training import chosen
from rnn_vs_attn.training.checkpoint import NAME, read

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that is kept as it is."""
    folder = tmp_path_factory.mktemp("kept") / "lstm"
    keep(folder, ending=(0.5, 1.0))
    return folder


def another(checkpoint: Path, folder: Path, **changes: Any) -> Path:
    """A copy with other things in its JSON."""
    shutil.copytree(checkpoint, folder)
    document = json.loads((folder / NAME).read_text())
    for place, value in changes.items():
        at, names = document, place.split("__")
        for name in names[:-1]:
            at = at[int(name)] if name.lstrip("-").isdigit() else at[name]
        at[names[-1]] = value
    (folder / NAME).write_text(json.dumps(document))
    return folder


def ended(checkpoint: Path, folder: Path, rate: float, seed: int, accuracy: float | None, loss: float) -> None:
    curve = [{"step": 2, "tokens": 9, "seconds": 1.0, "train_loss": 1.0, "loss": loss, "accuracy": accuracy}]
    plan = {"plan__learning_rate": rate, "plan__seed": seed}
    name = f"lstm-{rate}-{seed}"
    another(checkpoint, folder / "trained" / name, course__curve=curve, about__round=seed, **plan)


def names(models: list[chosen.TrainedModel]) -> list[tuple[str, list[str]]]:
    return [(model.key, [kept.folder.name for kept in model.seeds]) for model in models]


def test_of_a_run_the_best_learning_rate_of_the_first_seed_with_all_of_its_seeds(
    checkpoint: Path, tmp_path: Path
) -> None:
    ended(checkpoint, tmp_path, 0.001, 0, 0.7, 0.1)
    ended(checkpoint, tmp_path, 0.003, 0, 0.9, 0.8)
    for seed in (10, 2, 1):
        ended(checkpoint, tmp_path, 0.003, seed, 0.1, 9.0)  # only the first seed chooses
    ended(checkpoint, tmp_path, 0.01, 0, 0.9, 0.9)
    ended(checkpoint, tmp_path, 0.03, 1, 1.0, 0.0)  # which has none of the first
    expected = ["lstm-0.003-0", "lstm-0.003-1", "lstm-0.003-2", "lstm-0.003-10"]
    assert names(chosen.choose([str(tmp_path)])) == [("lstm@copy", expected)]


def test_where_nothing_can_be_right_the_least_loss_chooses(checkpoint: Path, tmp_path: Path) -> None:
    for rate, loss in ((0.001, 0.2), (0.003, 0.01), (0.01, 0.3)):
        ended(checkpoint, tmp_path, rate, 0, None, loss)
    assert names(chosen.choose([str(tmp_path)])) == [("lstm@copy", ["lstm-0.003-0"])]


def test_a_training_without_a_checkpoint_yet_is_none(checkpoint: Path, tmp_path: Path) -> None:
    ended(checkpoint, tmp_path, 0.001, 0, 0.7, 0.1)
    (tmp_path / "trained/begun").mkdir()
    assert len(chosen.choose([str(tmp_path)])) == 1


def test_one_model_and_task_twice_have_what_tells_them_apart(checkpoint: Path, tmp_path: Path) -> None:
    other = another(checkpoint, tmp_path / "other", plan__learning_rate=0.5, about__axes__d_model=16)
    same = another(checkpoint, tmp_path / "same")
    task = another(checkpoint, tmp_path / "task", about__task="parity")
    two = chosen.choose([str(checkpoint), str(other), str(task)])
    assert [m.key for m in two] == [
        "lstm@copy(learning_rate=0.01)",
        "lstm@copy(learning_rate=0.5, d_model=16)",
        "lstm@parity",
    ]
    assert [m.key for m in chosen.choose([str(checkpoint), str(same), str(checkpoint)])] == [
        "lstm@copy(checkpoint=1)",
        "lstm@copy(checkpoint=2)",
    ]


def test_a_run_beside_one_of_its_seeds(tmp_path: Path) -> None:
    run = run_of(tmp_path, ("gru",))
    models = chosen.choose([str(run), str(run / "trained/gru-1")])
    assert names(models) == [("gru@copy", ["gru-0", "gru-1"]), ("gru@copy(seed=1)", ["gru-1"])]
    seeds = [kept.checkpoint for kept in models[0].seeds]
    said = chosen.said_of(seeds, initial=False)
    assert said.startswith("gru in a model of tokens, num_layers 2, d_model 8, trained on copy at 24 tokens for 2")
    assert "learning rate 0.01, seeds 0, 1, accuracy " in said
    assert chosen.said_of(seeds, initial=True).endswith("with the weights that it began from, seeds 0, 1")


def test_what_was_stopped_says_of_how_many_steps(checkpoint: Path, tmp_path: Path) -> None:
    stopped = another(checkpoint, tmp_path / "stopped", course__step=1)
    assert " for 1 of 2 steps at " in chosen.said_of([read(stopped)], initial=False)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"about": {}}, "does not say which task it learnt"),
        ({"about__task": "copi"}, "did you mean 'copy'?"),
        ({"about__sizes": {"length": 3}}, "does not say which task it learnt"),
    ],
)
def test_a_checkpoint_without_its_task(change: dict[str, Any], said: str, checkpoint: Path, tmp_path: Path) -> None:
    kept = read(another(checkpoint, tmp_path / "other", **change))
    with pytest.raises(UserError, match=said.replace("?", r"\?")):
        chosen.sizes_of(kept, LENGTH)


def test_what_cannot_be_used_is_said_before_anything_runs(checkpoint: Path, tmp_path: Path) -> None:
    def said(folder: Path) -> str:
        with pytest.raises(UserError) as error:
            chosen.choose([str(folder)])
        return str(error.value)

    assert "nowhere does not exist; give the folder" in said(tmp_path / "nowhere")
    assert "is a file; give the folder" in said(checkpoint / NAME)
    (tmp_path / "trained").mkdir()
    assert "holds no trained model; recall keeps them" in said(tmp_path)
    damaged = another(checkpoint, tmp_path / "damaged")
    (damaged / NAME).write_text((damaged / NAME).read_text()[:100])
    assert "is damaged" in said(damaged)
    layer = another(checkpoint, tmp_path / "layer", shape={"d_model": 3})
    assert "is of no model that recall trains; train again" in said(layer)
    weights = another(checkpoint, tmp_path / "weights")
    file = next(weights.glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    assert "it is not what was written" in said(weights)
    file.unlink()
    assert "lacks its weights" in said(weights)


def test_a_run_goes_on_with_the_same_checkpoints_alone(checkpoint: Path, tmp_path: Path) -> None:
    models = chosen.choose([str(checkpoint)])
    stored = json.loads(json.dumps(chosen.settings_of(models, anonymous=False)))
    assert chosen.again(stored) == models
    other = stored[0] | {"sha256": ["0" * 64]}
    with pytest.raises(UserError, match="another one than when the run began"):
        chosen.again([other])
    anonymous = chosen.settings_of(models, anonymous=True)
    assert str(checkpoint) not in json.dumps(anonymous)
    with pytest.raises(UserError, match="an anonymous run does not say where the checkpoints of lstm@copy are"):
        chosen.again(anonymous)


def test_a_worker_knows_folders_by_name(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chosen, "_folders", {})
    for name, value in chosen.variables(chosen.choose([str(checkpoint)])).items():
        monkeypatch.setenv(name, value)
    chosen.take()
    assert chosen.folders_of("initial:lstm@copy") == chosen.folders_of("trained:lstm@copy") == [checkpoint]
    with pytest.raises(UserError, match="give the folder of its checkpoint to gradflow or bench"):
        chosen.folders_of("trained:gru@copy")
    assert chosen.variables([]) == {}
