"""The one large picture: a training inside a meta-training, drawn moment by moment."""
