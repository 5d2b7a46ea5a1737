"""What goes over the wire: answers, errors, and one call with its authorization."""
