'use strict';
// What the page does better with a script than without: sorting and filtering in place, times in
// the visitor's own zone. All of it is also there without: sort links, the filter's form, UTC.
(() => {
  const table = document.querySelector('table');
  const filter = document.querySelector('form');
  const input = filter.elements.q;
  const shown = document.getElementById('shown');
  const nothing = document.getElementById('nothing');
  const headers = [...table.tHead.rows[0].cells];
  const rowsPerBlock = 100;  // as in listing_page.cpp
  const descendsFirst = {name: false, size: true, time: true};

  // Blocks that hold entries: all but the link to the parent.
  const blocks = () => [...table.tBodies].filter((body) => body.className !== 'up');

  // Read from the rows when first needed, so that a large folder is not slowed by what nobody asks.
  let cache;
  const entries = () => cache ??= blocks().flatMap((body) => [...body.rows]).map((row) => {
    const [name, size, time] = row.cells;
    return {
      row,
      name: name.textContent,
      folder: name.firstChild.className === 'folder',
      size: Number(size.dataset.bytes ?? 0),
      // A time that no calendar has is not shown, and comes before all others.
      time: time.firstElementChild ? Date.parse(time.firstElementChild.dateTime) : -Infinity,
    };
  });

  const collator = new Intl.Collator(undefined, {numeric: true});
  const byName = (a, b) => collator.compare(a.name, b.name);
  const keys = {
    name: byName,
    size: (a, b) => a.size - b.size,
    time: (a, b) => a.time - b.time || 0,  // -Infinity less itself is not a number
  };

  const sortEntries = (key, descending) => {
    const sign = descending ? -1 : 1;
    entries().sort((a, b) => b.folder - a.folder || sign * keys[key](a, b) || byName(a, b));
  };

  const show = (list) => {
    const full = [];
    for (let i = 0; i < list.length; i += rowsPerBlock) {
      const body = document.createElement('tbody');
      body.setAttribute('role', 'rowgroup');
      body.append(...list.slice(i, i + rowsPerBlock).map((entry) => entry.row));
      full.push(body);
    }
    blocks().forEach((body) => body.remove());
    table.append(...full);
    full.forEach((body) => localiser.observe(body));
  };

  // A page that the server has filtered has not got the other rows: there the form is sent.
  const filteredByServer = input.value !== '';
  const refresh = () => {
    const part = filteredByServer ? '' : input.value.toLowerCase();
    const list = part ? entries().filter((entry) => entry.name.toLowerCase().includes(part))
      : entries();
    show(list);
    if (filteredByServer) return;
    nothing.hidden = list.length > 0;
    shown.textContent = part ? `${list.length.toLocaleString()} shown of ` : '';
  };

  const sortBy = (link) => {
    const key = link.dataset.sort;
    const descending = new URLSearchParams(link.search).get('order') === 'desc';
    sortEntries(key, descending);
    for (const header of headers) {
      const other = header.firstChild;
      const active = other === link;
      const next = active ? !descending : descendsFirst[other.dataset.sort];
      const query = new URLSearchParams(other.search);
      query.set('order', next ? 'desc' : 'asc');
      const state = descending ? 'descending' : 'ascending';
      header.setAttribute('aria-sort', active ? state : 'none');
      if (active) history.replaceState(null, '', link.href);
      other.search = query;
    }
    filter.elements.sort.value = key;
    filter.elements.order.value = descending ? 'desc' : 'asc';
    refresh();
  };

  table.tHead.addEventListener('click', (event) => {
    const link = event.target.closest('a');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    sortBy(link);
  });

  let pending;
  input.addEventListener('input', () => {
    clearTimeout(pending);
    if (!filteredByServer) {
      pending = setTimeout(refresh, 60);
    } else if (input.value === '') {
      filter.submit();
    }
  });
  filter.addEventListener('submit', (event) => {
    if (!filteredByServer) event.preventDefault();
  });
  document.addEventListener('keydown', (event) => {
    if (event.key === '/' && document.activeElement !== input) {
      event.preventDefault();
      input.focus();
    }
  });

  // Formatting 50,000 times takes a second: each block has its turn when it comes near the window.
  const format = new Intl.DateTimeFormat(undefined, {dateStyle: 'medium', timeStyle: 'short'});
  const localise = (time) => {
    if (time.title) return;
    time.title = time.dateTime.replace('T', ' ').replace('Z', ' UTC');
    time.textContent = format.format(new Date(time.dateTime));
  };
  const localiser = new IntersectionObserver((changes) => {
    for (const change of changes.filter((one) => one.isIntersecting)) {
      localiser.unobserve(change.target);
      change.target.querySelectorAll('time').forEach(localise);
    }
  }, {rootMargin: '1000px'});
  blocks().forEach((body) => localiser.observe(body));
  document.querySelector('.utc').remove();
})();
