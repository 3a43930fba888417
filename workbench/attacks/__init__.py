"""WHAT IF: recorded inputs, sent again exactly; fresh attacks; and what each says of a model.

The actors: a `Recording` holds what a target was asked and what it answered; an oracle judges an answer; `replay` asks the same
again of any number of targets and compares. Because a defence can learn a recording by heart, a replay stands beside a fresh
attack (``evasion.py``) and a bound (``certify.py``). ``scenarios/`` declares what an attacker or a fault does, and
``generators/`` does it.
"""
