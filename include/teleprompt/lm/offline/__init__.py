"""The offline engine: a small language model stand-in that really reads its prompt.

It knows nothing but what the prompt says: the options of a field, cue words in the instruction, and the
demonstrations. So an improvement that it shows after compiling is a measured one, without a key or a network.
"""
