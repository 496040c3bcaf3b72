"""For the demo and for tests: a loopback Gemini, an in-memory index, photo makers."""
