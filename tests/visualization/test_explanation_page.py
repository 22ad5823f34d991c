"""The page that explains poses, as people use it: mouse, keyboard, phone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from centergroup_mm.visualization.explanation_page import render_page

from ..helpers.chromium import DESKTOP, PHONE, Chromium, needs_chromium
from ..helpers.explained import explanation

NAMES, LINKS = ['nose', 'left_hand', 'right_hand'], [(0, 1), (0, 2)]
IMAGE = np.full((80, 100, 3), 120, np.uint8)


def render(title: str = 'photo.jpg', **options) -> str:
    return render_page(IMAGE, explanation(), title, NAMES, LINKS, **options)


def test_a_page_holds_everything_and_no_title_can_break_it():
    page = render('</script><script>alert(1)</script>')
    assert '<script>alert' not in page and '{{' not in page
    assert not re.search(r'(src|href)="(?!data:)', page) and 'http' not in page.replace(
        'http://www.w3.org/2000/svg', ''
    )


def test_the_data_are_those_of_the_page_image():
    data = read(render(side=50))
    assert data['size'] == [50, 40]
    person, _, false = data['centers']
    assert person['at'] == [10, 20] and person['number'] == 1 and false['number'] is None
    slot, weight, *terms = person['choices'][1][0][0]
    assert (slot, weight) == (0, 0.9) and len(terms) == len(data['terms']) == 3
    assert data['keypoints'][0] == [10, 5, 0, 0.9]
    assert read(render(score_thr=0.85))['centers'][1]['number'] is None


def read(page: str) -> dict:
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])


@pytest.fixture(scope='module')
def chromium() -> Iterator[Chromium]:
    with Chromium() as browser:
        yield browser


@pytest.fixture
def page(chromium: Chromium, tmp_path: Path) -> Iterator[Chromium]:
    """The page, opened from disk in a window of common size."""
    path = tmp_path / 'page.html'
    path.write_text(render(), 'utf-8')
    chromium.events.clear()
    chromium.size(DESKTOP)
    chromium.open(path.as_uri())
    yield chromium
    assert chromium.complaints() == []
    assert chromium.requests() == [path.as_uri()]


def text(page: Chromium) -> str:
    return page.run('document.getElementById("panel").innerText')


@needs_chromium
def test_pointing_at_a_center_shows_its_attention_and_leaving_ends_it(page):
    assert '2 people from 3 centers' in page.run('document.body.innerText')
    page.mouse('[data-mark=center0]')
    assert 'Person 1' in text(page) and 'Left hand' in text(page) and '90 %' in text(page)
    strong = page.run(
        '[...document.querySelectorAll("line.mark")].filter(l => l.getAttribute("x2") == 20'
        ' && l.getAttribute("y2") == 10).map(l => Number(l.getAttribute("stroke-opacity")))'
    )
    assert max(strong) >= 0.9
    page.mouse('h1')
    assert 'Choose a center' in text(page)


@needs_chromium
def test_the_earlier_layer_is_another_attention(page):
    page.mouse('[data-mark=center0]', press=True)
    page.mouse('input[name=layer][value="0"]', press=True)
    assert '33 %' in text(page) and '90 %' not in text(page)


@needs_chromium
def test_a_limb_shows_the_runners_up_with_their_terms(page):
    page.mouse('[data-mark=center0]', press=True)
    page.mouse('[data-mark=limb1]', press=True)
    assert page.run('document.querySelectorAll("[aria-expanded=true]").length') == 2
    assert page.run('document.querySelectorAll(".why tbody tr").length') == 6
    assert 'Geometry' in text(page) and 'prefer the first to the second' in text(page)
    assert page.run('[...document.querySelectorAll("#marks text")].map(t => t.textContent)') >= [
        '3',
        '2',
        '1',
    ]


@needs_chromium
def test_everything_is_reached_with_the_keyboard(page):
    page.run('document.querySelector("[data-mark=center0]").focus()')
    assert 'Person 1' in text(page)
    page.key('Enter')
    assert page.run('document.querySelector("[data-center=\\"0\\"]").ariaPressed') == 'true'
    reached = set()
    for _ in range(40):
        page.key('Tab')
        reached.add(page.run('document.activeElement.getAttribute("aria-label") || ""'))
        if page.run('document.activeElement.dataset.joint === "1"'):
            break
    assert any(label.startswith('Limb from') or 'score' in label for label in reached)
    page.key('Enter')
    assert page.run('document.activeElement.ariaExpanded') == 'true'
    page.key('Escape')
    assert 'Choose a center' in text(page)


@needs_chromium
def test_every_control_has_a_name(page):
    page.mouse('[data-mark=center0]', press=True)
    nameless = page.run(
        '[...document.querySelectorAll("button, input, [role=button], summary")].filter(n => '
        '!(n.ariaLabel || n.innerText || n.closest("label")?.innerText)).length'
    )
    assert nameless == 0


@needs_chromium
def test_a_phone_shows_all_of_it_without_scrolling_sideways(page):
    page.size(PHONE, touch=True)
    page.tap('[data-mark=center1]')
    page.wait('document.getElementById("panel").innerText.includes("Person 2")')
    page.run('document.querySelector("button.joint").click()')
    assert page.run('document.documentElement.scrollWidth') <= PHONE[0]
    assert page.run(
        'document.querySelector(".why").scrollWidth <= document.querySelector(".why").clientWidth'
    )
    smallest = page.run(
        'Math.min(...[...document.querySelectorAll("nav button, .joint")].map('
        'b => b.getBoundingClientRect().height))'
    )
    assert smallest >= 36
    # the picture stays in view
    page.run('scrollTo(0, document.body.scrollHeight)')
    assert page.run('document.querySelector("figure").getBoundingClientRect().top') >= 0
