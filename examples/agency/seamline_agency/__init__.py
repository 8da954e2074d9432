"""A marketing agency: seven agents inside, five humans who face the customer."""
