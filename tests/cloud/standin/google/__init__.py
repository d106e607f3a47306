"""The Google side: checks every request against Google's discovery documents. It holds no state."""
