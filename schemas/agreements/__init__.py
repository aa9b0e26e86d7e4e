"""What two or more states agreed: who may send what to whom, for what and on which article. Pure."""
