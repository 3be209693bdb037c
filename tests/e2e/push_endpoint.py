"""An endpoint for push_test.sh: notes each request in a file, answers what another file says.

usage: push_endpoint.py FOLDER    FOLDER/port: where it listens; FOLDER/status: "204" (when absent), or "hang"; FOLDER/seen: a line per
                                  request, its Authorization header ("-" for none) and its body
"""
import http.server
import os
import sys
import threading
import time

folder = sys.argv[1]
lock = threading.Lock()


def status():
    try:
        with open(f"{folder}/status") as f:
            return f.read().strip()
    except FileNotFoundError:
        return "204"


class Endpoint(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with lock, open(f"{folder}/seen", "a") as f:
            f.write(f"{self.headers.get('Authorization', '-')} {body}\n")
        while status() == "hang":
            time.sleep(0.05)
        self.send_response(int(status()))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
server.daemon_threads = True
with open(f"{folder}/port.tmp", "w") as f:
    f.write(str(server.server_address[1]))
os.rename(f"{folder}/port.tmp", f"{folder}/port")
server.serve_forever()
