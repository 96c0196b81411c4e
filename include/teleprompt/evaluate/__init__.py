"""How good a program's answers are: metrics, examples, and scoring a program on them."""
