"""What sargam serve does not do yet, or not as the documentation says: {the name of a check: what is missing}.

Such a check must not fail the run. When one passes the run says so: then its line goes, and the check holds from then on.
"""
PENDING = {
    # docs/decisions/0017: nothing expires, and a time to live is answered 501
    "subscription: unset expiration is 31 days": "expiration",
    "update subscription: expiration": "expiration",
    "subscription: an expiration below a day is refused": "expiration",
    # nobody pushes yet
    "push: the wrapped body": "push",
    "push: what 503 answers comes again, what 204 answers does not": "push",
    "push: 200, 201 and 204 acknowledge": "push",
    "push: 202 acknowledges": "push",
    "push: a redirect or an error of the client is a nack": "push",
    "push: other answers of the 200s are a nack": "push",
    "push: unwrapped, with metadata in headers": "push",
    "push: unwrapped, bytes that are no text": "push",
    "push: unwrapped, without metadata": "push",
    "push: the settings are kept and can be changed, to pull and back": "push",
    "push: dead letters after five answers that are no good": "push",
    "push: ordered messages one after the other, the failed one first": "push",
    "push: the ordering key is in the wrapped body": "push",
}
