"""Whether a sentence rests on given texts: its facts and its words are compared with theirs."""
