"""What a source is doing, in the words that people read in `status`, on the page and in the monitor."""

RECEIVING = "receiving"
READING = "reading"
WAITING = "waiting: the spool is half full"
ENDED = "ended"
WELL = (RECEIVING, READING, WAITING, ENDED)  # nothing is wrong
ANOTHER_DEVICE = "another device answers"  # of which `device_changed` says more
