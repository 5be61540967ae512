#!/usr/bin/env python3
"""Send evently's outbox as mail: a worker to start from.

    mail_worker.py --smtp localhost:25 --sender tickets@example.org [--once]

It claims messages, commits, sends each over SMTP and acknowledges it. If it dies
in between, the messages are given out again after --visibility, with the same
Message-ID: mail is sent at least once, and a receiver can tell a repeat. Run as
many as you like; they share the work. The database is named by --dsn or libpq's
environment (PGHOST, PGDATABASE, ...); the role needs to execute
claim_notifications, ack_notification, fail_notification and, for the QR codes in
tickets, ticket_qr_png.

Needs Python 3.9 or later and psycopg2 (Debian: python3-psycopg2).
"""
import argparse
import smtplib
import time
from email.message import EmailMessage

import psycopg2
import psycopg2.extras

SUBJECTS = {
    "TICKETS_ISSUED": "Your tickets for {title}",
    "TICKETS_REFUNDED": "Your tickets for {title} were given back",
    "REFUND_DUE": "Your payment for {title} goes back to you",
    "EVENT_CANCELLED": "{title} is cancelled",
    "EVENT_RESCHEDULED": "{title} has a new date",
    "WAITLIST_OFFER": "Tickets for {title} are waiting for you",
    "WAITLIST_LAPSED": "Your offer for {title} has lapsed",
    "WAITLIST_CLOSED": "No more tickets for {title}",
}
BODIES = {
    "TICKETS_ISSUED": "Here are your tickets (order {order_id}). Show the codes at the door.",
    "TICKETS_REFUNDED": "{amount} {currency} of order {order_id} will be returned to you.",
    "REFUND_DUE": "We could not keep your payment of {amount} {currency}: it will be returned.",
    "EVENT_CANCELLED": "The event is cancelled: {reason}. What you paid will be returned.",
    "WAITLIST_OFFER": "{quantity} x {tier}: claim offer {offer_id} by {expires_at}, or the next in line gets it.",
    "WAITLIST_LAPSED": "Nobody claimed offer {offer_id}. You can join the waitlist again.",
    "WAITLIST_CLOSED": "No tickets became free for you. We are sorry.",
}


class Missing(dict):
    """A payload in which what is not given reads as a dash."""

    def __missing__(self, key):
        return "-"


def compose(message, sender, domain, qr_png):
    """The mail for a message; qr_png gives a ticket's code, or None."""
    if message["recipient"] is None:
        raise ValueError(f"no address of user {message['user_id']}")
    payload = Missing(message["payload"])
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = message["recipient"]
    mail["Message-ID"] = f"<{message['message_id']}@{domain}>"
    mail["Subject"] = SUBJECTS.get(message["kind"], "News about {title}").format_map(payload)
    lines = [BODIES.get(message["kind"], "").format_map(payload), "",
             "{title}, {start_time}, {venue}".format_map(payload)]
    tickets = payload.get("tickets", [])
    lines += ["Ticket {ticket_id}: {tier}, {attendee_name}".format_map(Missing(t)) for t in tickets]
    mail.set_content("\n".join(lines) + "\n")
    for ticket in tickets:
        png = qr_png(ticket["ticket_id"])
        if png is not None:
            mail.add_attachment(png, "image", "png", filename=f"ticket-{ticket['ticket_id']}.png")
    return mail


def qr_source(cursor):
    """How to get a ticket's QR code, if this database can draw them."""
    cursor.execute("SELECT to_regproc('evently.ticket_qr_png') IS NOT NULL")
    if not cursor.fetchone()[0]:
        return lambda ticket_id: None

    def qr_png(ticket_id):
        cursor.execute("SELECT evently.ticket_qr_png(%s)", (ticket_id,))
        png = cursor.fetchone()[0]
        return None if png is None else bytes(png)

    return qr_png


def work(connection, options):
    """One round; how many messages were claimed."""
    cursor = connection.cursor(cursor_factory=psycopg2.extras.DictCursor)
    cursor.execute("SELECT notification_id, message_id::text, kind, recipient, user_id, payload, attempts"
                   " FROM evently.claim_notifications(%s, %s)",
                   (options.batch, f"{options.visibility} seconds"))
    messages = cursor.fetchall()
    if not messages:
        return 0
    qr_png = qr_source(cursor)
    smtp = None
    for message in messages:
        try:
            mail = compose(message, options.sender, options.domain, qr_png)
            if smtp is None:
                host, _, port = options.smtp.rpartition(":")
                smtp = smtplib.SMTP(host, int(port), timeout=options.visibility / 2)
            smtp.send_message(mail)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            if isinstance(error, (OSError, smtplib.SMTPServerDisconnected)):
                smtp = None
            cursor.execute("SELECT evently.fail_notification(%s, %s, %s)",
                           (message["notification_id"], f"{type(error).__name__}: {error}", message["attempts"]))
        else:
            cursor.execute("SELECT evently.ack_notification(%s)", (message["notification_id"],))
    if smtp is not None:
        smtp.quit()
    return len(messages)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dsn", default="", help="connection string")
    parser.add_argument("--smtp", default="localhost:25", help="host:port of the mail server")
    parser.add_argument("--sender", default="tickets@example.org")
    parser.add_argument("--domain", default="example.org", help="of the Message-IDs: the same for all workers")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--visibility", type=float, default=120, help="seconds to send a batch in")
    parser.add_argument("--poll", type=float, default=1, help="seconds between looks at an empty outbox")
    parser.add_argument("--once", action="store_true", help="end when nothing is left to send")
    options = parser.parse_args()

    connection = psycopg2.connect(options.dsn, client_encoding="UTF8")
    connection.autocommit = True
    while True:
        if work(connection, options) == 0:
            if options.once:
                return
            time.sleep(options.poll)


if __name__ == "__main__":
    main()
