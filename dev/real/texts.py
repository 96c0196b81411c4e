"""Real labelled tweets, as the logged calls of an older, rule-based system.

The system is VADER's lexicon. It answered, and the outcome is whether the mean of twenty human raters agrees with it.
"""

import random
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from teleprompt.window import Window

LONGEST = 160
CLEAR = 1.0
"""Mean rating, of -4 to 4, from which on the raters said something."""

Feeling = Literal["positive", "negative"]


@dataclass(frozen=True)
class Tweet:
    """A text, and what people made of it."""

    number: str
    text: str
    feeling: Feeling


def read_tweets(folder: Path, *, seed: int = 7) -> list[Tweet]:
    """Short tweets that people agree on, as many glad ones as sad ones, in an order that a seed gives."""
    tweets = []
    for line in (folder / "tweets_GroundTruth.txt").read_text(encoding="utf-8", errors="replace").strip().split("\n"):
        number, mean, text = line.split("\t", 2)
        if abs(float(mean)) >= CLEAR and len(text) < LONGEST:
            tweets.append(Tweet(number, text.strip(), "positive" if float(mean) > 0 else "negative"))
    order = random.Random(seed)
    order.shuffle(tweets)
    sad = [tweet for tweet in tweets if tweet.feeling == "negative"]
    glad = [tweet for tweet in tweets if tweet.feeling == "positive"]
    mixed = [tweet for pair in zip(glad, sad, strict=False) for tweet in pair]
    order.shuffle(mixed)
    return mixed


def as_calls(tweets: list[Tweet], window: Window, *, source: Path) -> list[dict[str, object]]:
    """One call each, spread over the window, in the form that is handed in."""
    sys.path.insert(0, str(source))
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    finally:
        sys.path.remove(str(source))
    lexicon, step = (
        SentimentIntensityAnalyzer(),
        timedelta(seconds=(window.end - window.start).total_seconds()) / len(tweets),
    )
    calls: list[dict[str, object]] = []
    for place, tweet in enumerate(tweets):
        said = "positive" if lexicon.polarity_scores(tweet.text)["compound"] >= 0 else "negative"
        calls.append(
            {
                "trace_id": f"tweet-{tweet.number}",
                "started_at": (window.start + place * step).isoformat(),
                "inputs": {"tweet": tweet.text},
                "outputs": {"feeling": said},
                "outcomes": {"confirmed": float(said == tweet.feeling)},
                "contributor_id": f"rater-{int(tweet.number) % 5}",
            }
        )
    return calls
