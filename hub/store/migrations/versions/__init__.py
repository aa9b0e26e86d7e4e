"""One file a layout, named by its number. A file that was released is never changed."""
