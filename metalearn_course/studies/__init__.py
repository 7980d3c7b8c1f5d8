"""The numbers behind a picture: pure functions over the core, and no drawing."""
