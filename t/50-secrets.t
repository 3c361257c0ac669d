# No secret, code, password, cookie or key reaches a log, a URL, Redis or a
# file.  Codes here have eight digits, so that none occurs by chance.
#
# nginx itself writes the headers of requests and answers to its debug log,
# cookies included: there, all but cookies are looked for.

use Totp::Test;

for my $level (qw(info debug)) {
    my $t = Totp::Test->new(users => [qw(alice bob carol)], log => $level,
        redis => { appendonly => 'yes' },
        server => 'totp_digits 8;' . Totp::Test->default_server);
    my $redis = $t->redis;
    $redis->monitor;

    # All that can be done, right and wrong, by JSON and by forms.

    my $alice = $t->client->ready('alice');
    my $e = $alice->{enrolled};
    my @codes = @{ $e->{codes} };

    $alice->get_html("/2fa/$_") for '', qw(login code settings setup backup-codes
                                           disable logout nothing);
    $alice->page($_) for qw(login code settings setup backup-codes);
    $alice->act('backup-codes', { more => 1 });
    my $c = $t->client;
    $c->login('alice', secret_add(password => 'wrong-' . random_hex(8)));
    $c->login('nobody-here', 'word-' . random_hex(8));
    $c->login('alice', undef, next => '/deep?x=1');
    $c->code($t->otp('alice')->wrong_code);
    $c->code(secret_add(code => $t->otp('alice')->code_off(7)));
    $c->code($codes[0]);
    $c->get('/x');
    $c = $t->client;
    $c->login('alice');
    $c->code($codes[0]);
    $c->code($t->otp('alice')->next_code);
    $c->act('code', { code => $codes[1] });
    $c->post_html('/2fa/code', { code => $t->otp('alice')->wrong_code });
    $c->post_html('/2fa/code', { code => $t->otp('alice')->next_code,
                                 next => '/2fa/setup' });
    my $setup = $c->page('setup');
    my $new = Totp::Otp->from_uri($setup->json->{otpauth}, skew => 3);
    $c->act('setup', { code => $new->wrong_code });
    is($c->act('setup', { code => $new->next_code })->status, 200,
       "$level: a new phone");
    $t->otp(alice => $new);
    is($c->act('backup-codes', {})->status, 200, "$level: new backup codes");
    secret_add(backup => $_) for @{ $c->page('backup-codes')->json->{codes} };
    $c->get('/x?y=1', Referer => "http://$c->{host}/2fa/code");
    $c->post('/x', { a => 'b' });
    is($c->act('disable', {})->status, 200, "$level: disabled");
    $t->client->ready('bob');
    my $bob = $t->client;
    $bob->sign_in('bob');
    $bob->act('logout', { everywhere => 1 });
    $bob->{jar}{totp} = secret_add(cookie => 'forged-' . random_hex(40));
    $bob->get('/x');
    $bob->page('settings');

    # Refused requests, with all they brought.

    my $carol = $t->client;
    $carol->page('login');
    my $pw = $t->password('carol');
    for my $body ("username=carol&password=$pw&x=%zz", "username=carol&password=$pw",
                  "username=carol&password=$pw&username=carol",
                  "username=carol&password=$pw&x=" . 'x' x 9000)
    {
        $carol->request('POST', '/2fa/login', body => $body, headers => [
            'Content-Type' => 'application/x-www-form-urlencoded' ]);
    }
    $carol->request('POST', '/2fa/login', body => "username=carol&password=$pw",
                    headers => ['Content-Type' => 'text/plain']);

    # With Redis away, and back.

    $carol->page('login');
    $redis->freeze;
    $carol->act('login', { username => 'carol', password => $pw });
    $redis->thaw;
    wait_until(sub { $carol->login('carol')->status == 200 }, 10, 0.3);

    # With the set on show, and without it.

    my $dump = $redis->dump;
    is($t->leaks($dump), 0, "[attack 88] $level: Redis has nothing")
        or diag join "\n", $t->leaks($dump);
    cmp_ok(length $dump, '>', 100, "$level: while it has something");

    my $process = join '', map { slurp("/proc/$_/environ") . slurp("/proc/$_/cmdline") }
                           $t->node->workers;
    is($t->leaks($process), 0, "[attack 88] $level: nor has a process' environment")
        or diag join "\n", $t->leaks($process);
    ok($t->node->quit, "$level: quit");
    my $monitor = $redis->monitor_end;
    cmp_ok(length $monitor, '>', 1000, "$level: MONITOR saw something");
    is($t->leaks($monitor), 0, "[attack 88] $level: nothing was told to Redis")
        or diag join "\n", $t->leaks($monitor);
    my $aof = join '', map { slurp($_) } glob "$t->{dir}/redis/appendonlydir/*";
    cmp_ok(length $aof, '>', 100, "$level: the append-only file has something");
    is($t->leaks($aof), 0, "[attack 88] $level: but no secret")
        or diag join "\n", $t->leaks($aof);

    my @skip = $level eq 'debug' ? (skip => ['cookie']) : ();
    my $log = $t->node->error_log;
    cmp_ok(length $log, '>', 500, "$level: the error log has something");
    is($t->leaks($log, @skip), 0, "[attack 88] $level: but no secret")
        or diag join "\n", $t->leaks($log, @skip);
    my $access = $t->node->access_log;
    is($t->leaks($access), 0, "[attack 88] $level: nor the access log")
        or diag join "\n", $t->leaks($access);
    is($t->leaks(slurp("$t->{dir}/a/stderr.log")), 0, "[attack 88] $level: nor stderr");

    my $seen = join "\n", map { $_->{raw} } $t->app->all;
    cmp_ok(length $seen, '>', 100, "$level: the application saw something");
    is($t->leaks($seen), 0, "[attack 88] $level: but no secret")
        or diag join "\n", $t->leaks($seen);

    my @files = grep { -f && -s } map { glob "$t->{dir}/a/$_/*" }
                qw(client_body proxy fastcgi uwsgi scgi);
    push @files, glob "$t->{dir}/a/core*";
    is(scalar @files, 0, "[attack 88] $level: no temporary file is left");

    $t->finish;
}

done_testing;
