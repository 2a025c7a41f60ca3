#!/usr/bin/python3
"""A tenant's web application: shows the orders in the tenant's database. It knows one address, and so do all tenants."""

import html
import http.server
import os
import sys

import psycopg2

DATABASE = {
    "host": "10.1.1.11",
    "dbname": "shop",
    "user": "web",
    "password": os.environ["DEMO_PASSWORD"],
    "connect_timeout": 3,
}


def rows():
    connection = psycopg2.connect(**DATABASE)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT id, customer, item, amount FROM orders ORDER BY id")
            return cursor.fetchall()
    finally:
        connection.close()


def text_page(orders):
    lines = [f"{os.environ['HNV_MACHINE']} read {len(orders)} orders from {DATABASE['host']}"]
    lines += [f"  {number:>3}  {customer:<22} {item:<26} {amount:>9}" for number, customer, item, amount in orders]
    return "\n".join(lines) + "\n"


def html_page(orders):
    cells = "".join("<tr>" + "".join(f"<td>{html.escape(str(value))}</td>" for value in row) + "</tr>" for row in orders)
    name = html.escape(os.environ["HNV_MACHINE"])
    return f"<!doctype html><title>{name}</title><h1>{name}</h1><table>{cells}</table>\n"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            if self.path == "/whoami":
                self.answer(200, "text/plain", os.environ["HNV_MACHINE"] + "\n")
            elif self.path == "/":
                plain = "text/html" not in self.headers.get("Accept", "")
                page = (text_page if plain else html_page)(rows())
                self.answer(200, "text/plain" if plain else "text/html", page)
            else:
                self.answer(404, "text/plain", "There are / and /whoami.\n")
        except psycopg2.OperationalError as error:
            self.answer(503, "text/plain", f"The database at {DATABASE['host']} does not answer: {error}\n")

    def answer(self, status, kind, body):
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind + "; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass


if __name__ == "__main__":
    http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
