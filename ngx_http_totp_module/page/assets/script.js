/* Comfort only: every page works without this file. */

(() => {
	'use strict';

	const d = document;
	const id = (x) => d.getElementById(x);
	const each = (s, f) => d.querySelectorAll(s).forEach(f);
	const say = (text) => { id('totp-live').textContent = text };

	each('[data-js]', (e) => { e.hidden = false });
	each('[data-nojs]', (e) => { e.hidden = true });

	/* A second click would use the same code twice. */
	let sent = 0;
	d.addEventListener('submit', (e) => {
		if (Date.now() - sent < 3000) e.preventDefault();
		else sent = Date.now();
	});

	/* A page that comes back from the browser's memory is asked for again:
	   it may show what is over. */
	const next = d.querySelector('[name=next]');
	addEventListener('pageshow', (e) => {
		if (!e.persisted) return;
		sent = 0;
		if (next) location.replace(location.pathname + '?next=' + encodeURIComponent(next.value) + location.hash);
		else if (!d.querySelector('[role=alert]')) location.reload();
	});

	/* Times as the reader is used to them. */
	each('time', (e) => {
		const lang = d.documentElement.lang, t = new Date(e.dateTime);
		if (isNaN(t)) return;
		const own = (navigator.languages || []).find((l) => l.split('-')[0] == lang.split('-')[0]);
		e.title = e.textContent;
		e.textContent = new Intl.DateTimeFormat(own || lang, { dateStyle: 'medium', timeStyle: 'short' }).format(t);
	});

	/* The #fragment of the page first asked for goes along to it: browsers
	   keep that of a form's address over redirections. */
	const first = d.querySelector('[data-next=first]');
	const key = 'totp#' + (next ? next.value : '');
	let hash = id(location.hash.slice(1)) ? '' : location.hash;
	try {
		if (!first) hash = hash || sessionStorage.getItem(key) || '';
		else if (hash) sessionStorage.setItem(key, hash);
		else sessionStorage.removeItem(key);
	} catch (e) { /* storage is switched off */ }
	if (hash) {
		each('form[data-next]', (f) => f.setAttribute('action', f.getAttribute('action') + hash));
		each('a[data-next]', (a) => { a.hash = hash });
	}

	/* Show password */
	each('[data-show]', (b) => {
		const field = id(b.dataset.show), flip = () => {
			const text = b.textContent;
			b.textContent = b.dataset.alt;
			b.dataset.alt = text;
			field.type = field.type == 'text' ? 'password' : 'text';
		};
		b.onclick = flip;
		field.form.addEventListener('submit', () => { if (field.type == 'text') flip() });
	});

	/* A backup code that failed: open its field again. */
	each('[data-lost]', (box) => {
		const field = id('totp-backup'), mark = 'totp-backup';
		try {
			const used = sessionStorage.getItem(mark);
			sessionStorage.removeItem(mark);
			if (!field) return;
			field.form.addEventListener('submit', () => sessionStorage.setItem(mark, 1));
			if (used && id('totp-error')) {
				const code = id('totp-code');
				box.open = true;
				code.removeAttribute('aria-invalid');
				field.setAttribute('aria-invalid', true);
				field.setAttribute('aria-describedby', 'totp-error totp-backup-hint');
				field.focus();
			}
		} catch (e) { /* storage is switched off */ }
	});

	/* Copying */
	const copy = (text, button) => {
		const old = () => {
			const t = d.createElement('textarea');
			t.className = 'vh';
			t.value = text;
			d.body.append(t);
			t.select();
			const ok = d.execCommand('copy');
			t.remove();
			button.focus();
			if (!ok) throw 0;
		};
		const done = () => {
			const label = button.textContent;
			say(button.dataset.done);
			if (label == button.dataset.done) return;
			button.textContent = button.dataset.done;
			setTimeout(() => { button.textContent = label }, 2000);
		};
		(navigator.clipboard ? navigator.clipboard.writeText(text).catch(old)
			: new Promise((yes) => yes(old()))).then(done, () => {});
	};
	each('[data-copy]', (b) => { b.onclick = () => copy(b.dataset.copy, b) });

	/* Backup codes */
	const shown = id('totp-shown');
	if (!shown) return;

	const list = id('totp-codes');
	const text = () => [...list.querySelectorAll('code')].map((e) => e.textContent).join('\n');
	const wipe = () => {
		const inside = shown.contains(d.activeElement);
		const gone = id('totp-gone');
		if (!shown.isConnected) return;
		list.textContent = '';
		shown.remove();
		gone.hidden = false;
		if (inside) gone.querySelector('h2').focus();
	};
	const act = {
		copy: (b) => copy(text(), b),
		print: () => print(),
		download: (b) => {
			const a = d.createElement('a');
			const words = [id('totp-for').textContent, new Date().toLocaleDateString(),
				'', text(), '', b.dataset.note, ''].join('\n');
			a.href = URL.createObjectURL(new Blob([words.replace(/\n/g, '\r\n')], { type: 'text/plain' }));
			a.download = b.dataset.file;
			a.click();
			setTimeout(() => URL.revokeObjectURL(a.href), 1000);
		}
	};
	each('[data-codes]', (b) => { b.onclick = () => act[b.dataset.codes](b) });
	addEventListener('pagehide', wipe);

	const total = shown.dataset.expiresIn;
	const since = [Date.now(), performance.now()];
	let told;
	const tick = () => {
		/* one of the clocks may be set back, the other may sleep */
		const past = Math.max(Date.now() - since[0], performance.now() - since[1]);
		const left = Math.ceil(total - past / 1000);
		if (!shown.isConnected) return;
		if (!(left > 0)) {
			say(shown.dataset.ended);
			wipe();
			return;
		}
		id('totp-seconds').textContent = id('totp-bar').value = left;
		if (left <= 20 && !told) {
			told = true;
			say(id('totp-seconds').parentNode.textContent + '. ' + shown.dataset.soon);
		}
	};
	setInterval(tick, 250);
	d.addEventListener('visibilitychange', tick);
	tick();
})();
