"""What would be captioned, what would it cost, how long would it take?

scope       a watched folder, or one beneath it, or any other as if it were watched
standing    how a photo stands before it is captioned: new, known already, skipped, ...
outlook     all that is told of a plan

Headers are read and nothing else: no key, no network, no write, and no photo is decoded.
"""
