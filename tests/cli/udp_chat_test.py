"""`spate udp chat` on a terminal: tmux is the terminal, and shows what a person would see."""

import shutil
import socket
import unittest

import tap
from talk_case import udp_socket
from terminal import Terminal


@unittest.skipUnless(shutil.which("tmux"), "no tmux here")
class ChatTest(unittest.TestCase):
    def setUp(self):
        self.peer = udp_socket()
        self.addCleanup(self.peer.close)
        self.name = f"127.0.0.1:{self.peer.getsockname()[1]}"
        self.prompt = f"{self.name}> "
        self.terminal = Terminal("udp", "chat", "--bind", "127.0.0.1:0", self.name)
        self.addCleanup(self.terminal.close)
        self.terminal.wait_for_text("listening on")
        listening = next(line for line in self.terminal.screen() if "listening on" in line)
        self.address = ("127.0.0.1", int(listening.split(":")[-1]))
        self.terminal.wait_for(self.prompt.rstrip())

    def arrives(self, text):
        """A message from the peer; the line that shows it follows the clock."""
        self.peer.sendto(text.encode(), self.address)
        self.terminal.wait_for_text(f"{self.name}: {text}")

    def test_half_a_line_survives_a_message(self):
        self.terminal.say("half a li")
        self.terminal.wait_for(self.prompt + "half a li")
        self.arrives("hello there")
        self.terminal.wait_for(self.prompt + "half a li")
        self.assertIn("hello there", self.terminal.screen()[-2])
        self.terminal.say("ne")
        self.terminal.type("Enter")
        self.assertEqual(self.peer.recv(100), b"half a line")

    def test_a_line_that_wraps_survives_too(self):
        text = "0123456789" * 6
        self.terminal.say(text)
        self.terminal.wait_for_text("0123456789")
        self.arrives("short")
        self.arrives("and another")
        typed = self.prompt + text
        self.terminal.wait_for(typed[:60], typed[60:])
        self.terminal.type("Enter")
        self.assertEqual(self.peer.recv(100), text.encode())

    def test_a_line_survives_another_width(self):
        text = "0123456789" * 5
        self.terminal.say(text)
        self.terminal.wait_for_text("0123456789")
        for width in (40, 100, 50):
            self.terminal.tmux("resize-window", "-x", str(width))
            typed = self.prompt + text
            rows = [typed[at:at + width] for at in range(0, len(typed), width)]
            self.terminal.wait_for(*rows)
            self.arrives(f"{width} wide")
            self.terminal.wait_for(*rows)
        self.terminal.type("Enter")
        self.assertEqual(self.peer.recv(100), text.encode())

    def test_wide_characters_and_editing(self):
        self.terminal.say("\u4f60\u597d, you")
        self.terminal.type("Left", "Left", "Left", "BSpace", "Home", "Delete")
        self.terminal.wait_for(self.prompt + "\u597d,you")
        self.arrives("\u4e2d\u6587")
        self.terminal.wait_for(self.prompt + "\u597d,you")
        self.terminal.type("Enter")
        self.assertEqual(self.peer.recv(100), "\u597d,you".encode())

    def test_escape_and_search_hold_no_message_up(self):
        self.terminal.say("half a li")
        for key in ("Escape", "C-r", "C-v", "C-x", "M-x"):
            self.terminal.type(key)
            self.arrives(f"after {key}")
        self.terminal.wait_for(self.prompt + "half a li")
        self.terminal.type("Escape", "C-c")
        self.terminal.wait_for("ended with 0")

    def test_tab_lists_no_files(self):
        self.terminal.say("half a li")
        self.terminal.type("Tab", "Tab")
        self.terminal.say("ne")
        self.terminal.wait_for(self.prompt + "half a line")
        self.assertNotIn("home", "\n".join(self.terminal.screen()))

    def test_history(self):
        self.terminal.say("first")
        self.terminal.type("Enter")
        self.assertEqual(self.peer.recv(100), b"first")
        self.terminal.type("Up", "Enter")
        self.assertEqual(self.peer.recv(100), b"first")
        self.terminal.say("other")
        self.terminal.type("Enter")
        self.assertEqual(self.peer.recv(100), b"other")
        self.terminal.say("fi")
        self.terminal.type("C-r", "Enter")
        self.assertEqual(self.peer.recv(100), b"first")

    def test_a_second_peer_is_met_and_chosen(self):
        with udp_socket() as second:
            name = f"127.0.0.1:{second.getsockname()[1]}"
            self.arrives("one")
            second.sendto(b"two", self.address)
            self.terminal.wait_for_text(f"{name}: two")
            self.terminal.say("/to 2")
            self.terminal.type("Enter")
            self.terminal.wait_for(f"talking to {name}", f"{name}>")
            self.terminal.say("to the second")
            self.terminal.type("Enter")
            self.assertEqual(second.recv(100), b"to the second")

    def test_what_is_wrong_is_said_and_it_goes_on(self):
        self.terminal.say("/nothing")
        self.terminal.type("Enter")
        self.terminal.wait_for_text("'/nothing' is nothing here; /help lists what is")
        self.terminal.wait_for(self.prompt.rstrip())

    def test_who_and_when_are_in_colour(self):
        self.arrives("hello")
        coloured = self.terminal.tmux("capture-pane", "-p", "-e")
        style = r"(\x1b\[\d*m)*"
        self.assertRegex(coloured, rf"\x1b\[2m[\d:]+ {style}\x1b\[32m{style}{self.name}")

    def test_leaving_puts_the_terminal_back(self):
        self.terminal.type("C-d")
        self.terminal.wait_for("ended with 0")
        self.terminal.say("echoed again")
        self.terminal.wait_for_text("echoed again")

    def test_interrupt_leaves_as_well(self):
        self.terminal.say("half a line")
        self.terminal.type("C-c")
        self.terminal.wait_for("ended with 0")

    def test_the_kernel_may_lose_nothing_that_is_typed_at_once(self):
        for number in range(20):
            self.terminal.say(f"line {number}")
            self.terminal.type("Enter")
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.assertEqual([self.peer.recv(100) for _ in range(20)],
                         [f"line {number}".encode() for number in range(20)])


if __name__ == "__main__":
    tap.main()
