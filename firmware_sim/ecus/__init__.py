"""Controllers: how a battery manager, a charger or a solar charger acts on the plant."""
