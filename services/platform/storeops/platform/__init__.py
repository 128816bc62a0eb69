"""The platform service: what all services need and none of the others owns."""
