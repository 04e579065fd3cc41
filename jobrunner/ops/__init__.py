"""The use cases: the core and the ports put to work. No boto3, no printing, no clock but the one that is given."""
