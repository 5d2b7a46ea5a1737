"""Sign-in: WS-Trust with user name and password, and NTLM."""
