"""Code lists as dated data: each table says where it comes from, whether that was verified, and what held when."""
