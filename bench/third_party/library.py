"""Generates the bulk of a script: modules as bundlers write them, which the browser parses and partly runs.

The same seed gives the same text. Each module computes one number, from others too, in 0.05 to 0.5 ms: tables, texts,
records, state machines and classes, as in the libraries that such scripts contain.
"""

from __future__ import annotations

import random
from itertools import pairwise

_SYLLABLES = ("ac", "be", "cor", "dan", "el", "fi", "gra", "hu", "in", "jo", "ka", "li", "mo", "ne", "or", "pu", "ra")

_START = """
const loaded = new Map();
const use = (number) => {
  if (!loaded.has(number)) loaded.set(number, modules[number](use));
  return loaded.get(number);
};
const start = (share) => {
  let sum = 0;
  for (let number = 0; number < modules.length * share; number += 1) sum = (sum + use(number)) >>> 0;
  return sum;
};
"""
_HASHES = """function (use) {
  const words = [%(words)s];
  const hashOf = (text) => {
    let hash = %(number)d;
    for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 16777619) >>> 0;
    return hash;
  };
  const table = {};
  for (let round = 0; round < %(rounds)d; round += 1) {
    for (const word of words) table[`${word}-${round}`] = hashOf(word + round);
  }
  return Object.values(table).reduce((sum, each) => (sum + each) >>> 0, %(other)s);
}"""
_RECORDS = """function (use) {
  const names = [%(words)s];
  const records = Array.from({ length: %(rounds)d * 8 }, (_, at) => ({
    id: at, %(name)s: names[at %% names.length], weight: (at * %(number)d) %% 9973,
    %(second)s: { seen: at %% 7 === 0, tags: [at %% 5, at %% 3] },
  }));
  const groups = new Map();
  for (const record of records) {
    const key = `${record.%(name)s}/${record.%(second)s.tags.join(":")}`;
    groups.set(key, [...(groups.get(key) ?? []), record].sort((one, other) => one.weight - other.weight));
  }
  const copy = JSON.parse(JSON.stringify([...groups]));
  return copy.reduce((sum, [key, members]) => (sum + key.length * members.length + members[0].weight) >>> 0, %(other)s);
}"""
_STATES = """function (use) {
  const text = `%(words)s`.repeat(%(rounds)d);
  let state = 0, count = 0, depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    switch (state) {
      case 0: if (code === 34) { state = 1; count += 1; } else if (code === 44) { depth += 1; } break;
      case 1: if (code === 34) { state = 2; } else if (code %% %(small)d === 0) { count += depth; } break;
      case 2: if (code === 44) { state = 0; } else if (code === 32) { state = 3; } break;
      default: state = code === 34 ? 1 : 0; count ^= %(number)d;
    }
  }
  return (count + %(other)s) >>> 0;
}"""
_CLASSES = """function (use) {
  class %(title)s {
    constructor(options) {
      [this.options, this.handlers, this.queue] = [{ ...options, created: %(number)d }, new Map(), []];
    }
    on(name, handler) { this.handlers.set(name, [...(this.handlers.get(name) ?? []), handler]); return this; }
    emit(name, detail) {
      for (const handler of this.handlers.get(name) ?? []) this.queue.push(handler(detail));
      return this;
    }
    get %(name)s() { return this.queue.reduce((sum, each) => (sum + each) >>> 0, this.options.created); }
  }
  const names = [%(words)s], emitter = new %(title)s({ retries: %(small)d, %(second)s: true });
  for (const name of names) {
    emitter.on(name, (detail) => detail.at * name.length).on(name, (detail) => detail.%(second)s.length);
  }
  for (let round = 0; round < %(rounds)d; round += 1) {
    for (const name of names) emitter.emit(name, { at: round, %(second)s: name + round });
  }
  return (emitter.%(name)s + %(other)s) >>> 0;
}"""
_PATTERNS = """function (use) {
  const patterns = [%(patterns)s], agent = navigator.userAgent + location.href;
  const upper = (word) => word.replace(/[aeiou]/g, (letter) => letter.toUpperCase());
  const cleaned = [%(words)s].map((word) => upper(word).split("").reverse().join(""));
  let found = %(number)d;
  for (let round = 0; round < %(rounds)d; round += 1) {
    for (const pattern of patterns) found += pattern.test(agent) ? round : 1;
    found += encodeURIComponent(cleaned.join("&")).length;
  }
  return (found + %(other)s) >>> 0;
}"""
_KINDS = (_HASHES, _RECORDS, _STATES, _CLASSES, _PATTERNS)


def library(seed: str, size: int) -> str:
    """About ``size`` bytes of JavaScript that define ``start(share)``, which runs that share of the modules."""
    rng, modules, length = random.Random(seed), list[str](), len(_START)
    while length < size:
        modules.append(_module(rng, len(modules)))
        length += len(modules[-1]) + 2
    joined = ",\n".join(modules)
    return f"const modules = [\n{joined}\n];{_START}"


def _module(rng: random.Random, number: int) -> str:
    words = [_word(rng) for _ in range(rng.randint(12, 40))]
    name, second = _word(rng), _word(rng) + "s"
    return rng.choice(_KINDS) % {
        "words": ", ".join(f'"{word}"' for word in words),
        "patterns": ", ".join(f"/{one}.*{other}|{other}[0-9]+/i" for one, other in pairwise(words[:9])),
        "name": name,
        "second": second,
        "title": _word(rng).title(),
        "number": rng.randint(1000, 1 << 30),
        "small": rng.randint(3, 9),
        "rounds": rng.randint(4, 16),
        "other": f"use({rng.randrange(number)})" if number else "0",
    }


def _word(rng: random.Random) -> str:
    return "".join(rng.choices(_SYLLABLES, k=rng.randint(2, 4)))
