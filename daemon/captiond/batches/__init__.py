"""A backlog for half the price: photos are collected into jobs, which the service does in a day.

collecting  a photo's question becomes a line of the spool; the photo stays claimed
making      the spool is sealed: one commit makes the job and hands the photos over to it; then the
            service gets it
running     it is with the service, whether or not captiond runs
done        its results are in the index; its photos are in the queue, where their captions are
            found for free

Whatever is not known to be with the service is looked for there, by the id that the job was given
here, before anything is sent a second time.
"""
