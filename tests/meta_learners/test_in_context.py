"""Learning in context: a block is torch's transformer layer, and queries look at the support set and nothing else."""

import pytest
import torch
from torch import nn

from metalearn_course import InContext, Regressions
from metalearn_course.meta_learners.in_context import Block
from metalearn_course.tasks import Examples, one_task


def as_torch(block: Block, width: int) -> nn.TransformerEncoderLayer:
    """torch's own layer, with a block's weights."""
    layer = nn.TransformerEncoderLayer(
        width, block.heads, 2 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    weights = {f"norm{i}.{k}": v for i in (1, 2) for k, v in block.norms[i - 1].state_dict().items()}
    for name in ("weight", "bias"):
        parts = [getattr(part, name) for part in (block.query, block.key, block.value)]
        weights[f"self_attn.in_proj_{name}"] = torch.cat(parts)
        weights[f"self_attn.out_proj.{name}"] = getattr(block.out, name)
        weights[f"linear1.{name}"], weights[f"linear2.{name}"] = (getattr(block.network[i], name) for i in (0, 2))
    layer.load_state_dict(weights)
    return layer.eval()


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_a_block_that_looks_at_its_own_tokens_is_torchs_transformer_layer(heads: int) -> None:
    torch.manual_seed(0)
    block, tokens = Block(8, heads), torch.randn(6, 8)
    with torch.no_grad():
        torch.testing.assert_close(block(tokens, tokens), as_torch(block, 8)(tokens[None])[0], rtol=1e-4, atol=1e-5)


def test_a_query_is_answered_as_if_it_were_alone_and_the_order_of_examples_does_not_matter() -> None:
    torch.manual_seed(0)
    learner, task = (
        InContext(3, width=8, heads=2),
        one_task(Regressions(3, 5, queries=4).sample(1, torch.Generator().manual_seed(0)), 0),
    )
    order = torch.tensor([3, 0, 4, 1, 2])
    with torch.no_grad():
        together = learner.predict(learner.adapt(task.support), task.query.x)
        alone = torch.cat([learner.predict(learner.adapt(task.support), x[None]) for x in task.query.x])
        shuffled = learner.predict(learner.adapt(Examples(*(part[order] for part in task.support))), task.query.x)
    torch.testing.assert_close(together, alone)
    torch.testing.assert_close(together, shuffled)


def test_wrong_sizes_are_named() -> None:
    with pytest.raises(ValueError, match=r"width=10 cannot be divided among heads=4; choose a multiple of 4"):
        InContext(3, width=10)
    with pytest.raises(ValueError, match=r"reads x \(n, 3\).*inputs=2"):
        InContext(3, width=8).adapt(Examples(torch.zeros(5, 2), torch.zeros(5, 1)))
