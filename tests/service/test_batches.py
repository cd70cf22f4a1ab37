"""Batches of what are no tickets."""

from tests.service.running import JSON, Service


def test_no_more_than_a_thousand_rejections_are_listed(service: Service) -> None:
    """All are counted; the answer is not many times the request."""
    body = b"[" + b"1," * 99_999 + b"1]"
    response = service.http.post("/v1/tickets/batch", content=body, headers=JSON)
    assert response.status_code == 200
    answer = response.json()
    assert (answer["read"], answer["rejected"], len(answer["rejections"])) == (100_000, 100_000, 1_000)
    assert answer["rejections"][-1]["record"] == 1_000
    assert len(response.content) < len(body)
