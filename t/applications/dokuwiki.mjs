// DokuWiki: PHP with its own sign-in, forms, and an upload of 100 MB.

import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { until } from '../browser/lib/rig.mjs';

const own = { user: 'editor', password: 'dokuwiki-pw' };
const size = 100 * 1024 * 1024;

export const what = {
	name: 'dokuwiki',
	replace: (site) => [
		[/\/usr\/share\/dokuwiki/g, site.file('dokuwiki')],
		[/unix:\/run\/php\/php-fpm\.sock/g, `127.0.0.1:${site.appPort}`],
	],
	start(site) {
		const md5 = createHash('md5').update(own.password).digest('hex');

		fs.cpSync('/usr/share/dokuwiki', site.file('dokuwiki'), { recursive: true, dereference: true });
		fs.cpSync('/etc/dokuwiki', site.file('wiki-conf'), { recursive: true, dereference: true });
		for (const d of ['attic', 'cache', 'index', 'locks', 'log', 'media', 'media_attic', 'media_meta', 'meta', 'pages', 'tmp']) {
			fs.mkdirSync(site.file('wiki-data', d), { recursive: true });
		}
		fs.rmSync(site.file('dokuwiki/inc/preload.php'));
		site.write('dokuwiki/inc/preload.php', `<?php define('DOKU_CONF', '${site.file('wiki-conf')}/');\n`);
		site.write('wiki-conf/local.php', `<?php $conf['title'] = 'Wiki'; $conf['useacl'] = 1; $conf['superuser'] = '@admin';
			$conf['savedir'] = '${site.file('wiki-data')}'; $conf['updatecheck'] = 0;
			$conf['baseurl'] = '${site.origin}';\n`);
		site.write('wiki-conf/users.auth.php', `${own.user}:${md5}:An Editor:editor@example.com:admin,user\n`);
		site.write('wiki-conf/acl.auth.php', '* @ALL 1\n* @user 8\n');
		site.run('php-cgi', ['-b', `127.0.0.1:${site.appPort}`, '-d', 'post_max_size=110M', '-d', 'upload_max_filesize=110M',
			'-d', 'memory_limit=512M', '-d', 'upload_tmp_dir=' + site.dir, '-d', 'session.save_path=' + site.dir],
		{ env: { PATH: process.env.PATH, PHP_FCGI_CHILDREN: '4' } });
	},
};


export async function use(t, person, site) {
	const { page } = person;
	const media = (name) => site.file('wiki-data/media', name);

	await page.goto(`${site.origin}/doku.php?id=start&do=login`);
	await page.locator('input[name=u]').fill(own.user);
	await page.locator('input[name=p]').fill(own.password);
	await page.locator('#dw__login button[type=submit]').click();
	await page.getByText('An Editor').first().waitFor();
	t.ok(true, "the application's own sign-in");

	// a page
	const edit = async (text) => {
		await page.goto(`${site.origin}/doku.php?id=gate&do=edit`);
		await page.locator('#wiki__text').fill(text);
	};
	const written = () => { try { return fs.readFileSync(site.file('wiki-data/pages/gate.txt'), 'utf8') } catch { return '' } };

	await edit('before the end');
	await page.locator('#edbtn__save').click();
	await page.locator('#dokuwiki__content', { hasText: 'before the end' }).waitFor();
	t.is(written(), 'before the end', 'a page is saved');

	// an upload
	const file = site.file('large.zip');
	const bytes = randomBytes(size);
	const digest = createHash('sha256').update(bytes).digest('hex');

	fs.writeFileSync(file, bytes);

	const upload = async (name) => {
		fs.copyFileSync(file, site.file(name));
		await page.goto(`${site.origin}/doku.php?id=gate&do=media&tab_files=upload&ns=`);
		await page.locator('.qq-uploader input[type=file]').setInputFiles(site.file(name));
		const answer = page.waitForResponse((r) => /ajax\.php/.test(r.url()) && r.request().method() == 'POST'
			&& /qqfile/.test(r.url()), { timeout: 90000 }).catch((e) => e);

		await page.locator('#mediamanager__upload_button').click();

		return answer;
	};
	const sent = await upload('large1.zip');

	t.is(sent.status?.(), 200, `an upload of 100 MB (${sent.status ? '' : sent})`);
	await until('the file', () => fs.existsSync(media('large1.zip')) && fs.statSync(media('large1.zip')).size == size, 30000);
	t.is(createHash('sha256').update(fs.readFileSync(media('large1.zip'))).digest('hex'), digest, 'arrives as it was');

	// a session that ends while somebody types
	await edit('typed when the session was over');
	await person.expire();
	await page.locator('#edbtn__save').click();
	await page.locator('body.page-error').waitFor();
	t.is(written(), 'before the end', 'what is refused is not saved');
	t.ok(/doku\.php/.test(page.url()), 'nobody is sent elsewhere', page.url());
	await person.inAnotherTab();
	page.once('dialog', (d) => d.accept());
	await page.reload();
	await page.locator('#dokuwiki__content', { hasText: 'typed when' }).waitFor();
	t.is(written(), 'typed when the session was over', 'after a sign-in in another tab it is sent again');

	// and while somebody uploads
	await page.goto(`${site.origin}/doku.php?id=gate&do=media&tab_files=upload&ns=`);
	await page.locator('.qq-uploader').waitFor();
	fs.copyFileSync(file, site.file('large2.zip'));
	await page.locator('.qq-uploader input[type=file]').setInputFiles(site.file('large2.zip'));
	await person.expire();

	const refused = page.waitForResponse((r) => /qqfile/.test(r.url()), { timeout: 90000 }).catch((e) => e);

	await page.locator('#mediamanager__upload_button').click();
	const no = await refused;

	t.is(no.status?.(), 401, `an upload without a session (${no.status ? '' : no})`);
	t.ok(!fs.existsSync(media('large2.zip')), 'does not arrive');
	t.ok(/failed/i.test(await page.locator('.qq-uploader').innerText()), 'and the page says so');

	await person.reload();
	await page.getByText('An Editor').first().waitFor();
	t.ok(true, "the application's own sign-in has lasted");
}
