"""A headless Chromium, driven through its own debugging pipe: no driver, no packages."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

BINARY = shutil.which('chromium') or shutil.which('google-chrome')
#: for every test that opens a page
needs_chromium = pytest.mark.skipif(BINARY is None, reason='no Chromium: apt-get install chromium')
DESKTOP, PHONE = (1280, 800), (390, 844)
PATIENCE = 60  # seconds until a browser without an answer counts as hung


class Chromium:
    """One page of a headless Chromium; use it as a context manager.

    Args:
        flags: more command-line flags.
        network: False lets it find no host, and ends requests to any.
    """

    def __init__(self, flags: Sequence[str] = (), network: bool = False) -> None:
        self.messages = 0
        self.events: list[dict] = []
        self.home = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        commands, self.commands = os.pipe()
        self.answers, answers = os.pipe()
        # the browser reads file descriptor 3 and writes 4
        shell = f'exec "$0" "$@" 3<&{commands} 4>&{answers}'
        arguments = [
            '--headless',
            '--no-sandbox',
            '--disable-gpu',
            '--remote-debugging-pipe',
            '--hide-scrollbars',
            f'--user-data-dir={self.home.name}',
            *([] if network else ['--host-resolver-rules=MAP * ~NOTFOUND']),
            *flags,
            'about:blank',
        ]
        self.process = subprocess.Popen(
            ['bash', '-c', shell, str(BINARY), *arguments],
            pass_fds=(commands, answers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self.buffer = b''
        self.session: str | None = None
        targets = self.call('Target.getTargets')['targetInfos']
        page = next(target['targetId'] for target in targets if target['type'] == 'page')
        attached = self.call('Target.attachToTarget', targetId=page, flatten=True)
        self.session = attached['sessionId']
        for domain in ('Page', 'Runtime', 'Network', 'Log'):
            self.call(f'{domain}.enable')

    def __enter__(self) -> Chromium:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        self.process.wait(10)
        os.close(self.commands)
        os.close(self.answers)
        self.home.cleanup()

    def call(self, method: str, **params: Any) -> dict:
        """Call a method of the DevTools protocol and return its result."""
        self.messages += 1
        message = dict(id=self.messages, method=method, params=params)
        if self.session:
            message['sessionId'] = self.session
        os.write(self.commands, json.dumps(message).encode() + b'\0')
        while True:
            answer = self._read()
            if answer.get('id') == self.messages:
                assert 'error' not in answer, f'{method}: {answer["error"]}'
                return answer['result']
            self.events.append(answer)

    def _read(self) -> dict:
        while b'\0' not in self.buffer:
            ready, _, _ = select.select([self.answers], [], [], PATIENCE)
            assert ready, f'Chromium has not answered for {PATIENCE} seconds'
            data = os.read(self.answers, 1 << 20)
            assert data, 'Chromium has ended'
            self.buffer += data
        first, self.buffer = self.buffer.split(b'\0', 1)
        return json.loads(first)

    def size(self, size: tuple[int, int], touch: bool = False) -> None:
        """Set the size of the window, as that of a phone with ``touch``."""
        width, height = size
        self.call(
            'Emulation.setDeviceMetricsOverride',
            width=width,
            height=height,
            deviceScaleFactor=2 if touch else 1,
            mobile=touch,
        )
        self.call('Emulation.setTouchEmulationEnabled', enabled=touch)

    def open(self, address: str) -> None:
        """Load a page."""
        self.call('Page.navigate', url=address)
        self.wait('document.readyState === "complete" && location.href !== "about:blank"')

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression, of a promise the value it gets."""
        result = self.call(
            'Runtime.evaluate', expression=script, awaitPromise=True, returnByValue=True
        )
        assert 'exceptionDetails' not in result, result['exceptionDetails']
        return result['result'].get('value')

    def wait(self, script: str, seconds: float = 20) -> Any:
        """Wait until an expression is true and return its value."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := self.run(script):
                return value
            time.sleep(0.05)
        raise AssertionError(f'after {seconds} seconds not yet: {script}; {self.complaints()}')

    def key(self, name: str, text: str = '') -> None:
        """Press a key, such as Tab or Enter."""
        codes = {'Tab': 9, 'Enter': 13, 'Escape': 27}
        code = dict(windowsVirtualKeyCode=codes.get(name, 0), key=name, code=name)
        text = '\r' if name == 'Enter' else text
        kind = 'keyDown' if text else 'rawKeyDown'
        self.call('Input.dispatchKeyEvent', type=kind, text=text, **code)
        self.call('Input.dispatchKeyEvent', type='keyUp', **code)

    def middle(self, selector: str) -> tuple[float, float]:
        """Place of an element in the window."""
        box = self.run(
            f'(r => [r.x + r.width / 2, r.y + r.height / 2])'
            f'(document.querySelector({json.dumps(selector)}).getBoundingClientRect())'
        )
        return box[0], box[1]

    def mouse(self, selector: str, press: bool = False) -> None:
        """Move the mouse to an element, and click it."""
        x, y = self.middle(selector)
        self.call('Input.dispatchMouseEvent', type='mouseMoved', x=x, y=y)
        if press:
            for kind in ('mousePressed', 'mouseReleased'):
                self.call(
                    'Input.dispatchMouseEvent', type=kind, x=x, y=y, button='left', clickCount=1
                )

    def tap(self, selector: str) -> None:
        """Touch an element."""
        x, y = self.middle(selector)
        self.call('Input.dispatchTouchEvent', type='touchStart', touchPoints=[dict(x=x, y=y)])
        self.call('Input.dispatchTouchEvent', type='touchEnd', touchPoints=[])

    def screenshot(self, path: str | Path) -> None:
        """Write what the window shows as PNG."""
        data = self.call('Page.captureScreenshot', format='png')['data']
        Path(path).write_bytes(base64.b64decode(data))

    def complaints(self) -> list[str]:
        """Errors of scripts and of the page, and requests to a network."""
        found = []
        for event in self.events:
            kind, params = event.get('method'), event.get('params', {})
            if kind == 'Runtime.exceptionThrown':
                found.append(str(params['exceptionDetails'].get('exception', params)))
            elif kind == 'Runtime.consoleAPICalled' and params['type'] == 'error':
                found.append(str(params['args']))
            elif kind == 'Log.entryAdded' and params['entry']['level'] == 'error':
                found.append(str(params['entry']['text']))
        return found

    def requests(self) -> list[str]:
        """Addresses that the page asked for, without data in addresses."""
        asked = [
            event['params']['request']['url']
            for event in self.events
            if event.get('method') == 'Network.requestWillBeSent'
        ]
        return [address for address in asked if not address.startswith(('data:', 'blob:'))]
