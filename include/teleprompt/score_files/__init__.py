"""Two files of scores, whoever wrote them: read, paired by id, compared, and reported to people and to CI."""
