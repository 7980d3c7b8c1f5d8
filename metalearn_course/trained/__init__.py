"""What ships trained, and what a learner saves: meta-learners, update rules, and the files that hold them."""
