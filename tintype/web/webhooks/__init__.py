"""Routes of webhooks: list of deliveries, resending; requests of one thumbnail with a webhook."""
