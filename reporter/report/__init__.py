"""The telling side: records become a comparison, a comparison becomes reports. No torch here."""
