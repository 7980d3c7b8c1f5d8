"""meta_train: the one loop over tasks, its checkpoint, and what it says when a training diverges."""

from .loop import History, meta_train

__all__ = ["History", "meta_train"]
